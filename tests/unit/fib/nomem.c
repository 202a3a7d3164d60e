/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation fails once, or from then on for good: what fails says -ENOMEM and has changed
 * nothing, and goes well when there is memory again.
 */
#include "tests/unit/fib/check.h"
#include "tests/unit/fib/image.h"
#include "tests/unit/fib/wrap.h"

static void creating(void **state)
{
	struct fib_arena *arena = NULL;
	struct fib_conf conf = { .max_routes = 10 };
	struct fib *fib = NULL;
	bool hit = true;

	for (unsigned n = 0; hit; n++) {
		int r;

		arm(n, false);
		r = fib_arena_create(&(struct fib_arena_conf){ 0 }, &arena);
		hit = disarm();
		assert_int_equal(r, hit ? -ENOMEM : 0);
		assert_true(hit == !arena);
	}
	assert_true(fail_at > 1);
	conf.arena = arena;
	hit = true;
	for (unsigned n = 0; hit; n++) {
		int r;

		arm(n, n % 2);
		r = fib_create(&conf, &fib);
		hit = disarm();
		assert_int_equal(r, hit ? -ENOMEM : 0);
		assert_true(hit == !fib);
		if (hit)
			assert_int_equal(arena_stats(arena).bytes_used, 0);
	}
	assert_true(fail_at > 1);
	fib_destroy(fib);
	fib_arena_destroy(arena);
}

/* A table, and what is to be done to it. */
struct world {
	struct fib_arena *arena;
	struct fib *fib;
	struct oracle o; /* as it is, or will be */
	struct fib_change *changes;
	unsigned count;
	bool sweep;
};

static void world_free(struct world *w)
{
	fib_destroy(w->fib);
	assert_int_equal(arena_stats(w->arena).bytes_used, 0);
	assert_int_equal(arena_stats(w->arena).nodes, 0);
	fib_arena_destroy(w->arena);
	oracle_free(&w->o);
	free(w->changes);
}

static struct fib_change random_change(unsigned family, unsigned values)
{
	struct fib_change c = { .family = (uint8_t)family, .value = rnd(values) };

	c.len = (uint8_t)rnd(addr_bits(family) + 1);
	for (unsigned b = 0; b < addr_bits(family) / 8; b++)
		c.addr[b] = (uint8_t)(b < 2 ? rnd(4) : rnd(256));
	addr_mask(c.addr, c.len);
	return c;
}

static void world_new(struct world *w, enum fib_root root, unsigned routes, unsigned values)
{
	*w = (struct world){ .arena = arena_new(NULL) };
	w->fib = fib_new(w->arena, root);
	for (unsigned i = 0; i < routes; i++) {
		struct fib_change c = random_change(i % 2 ? 4 : 6, 1);

		oracle_set(&w->o, c.family, c.addr, c.len, i % values);
	}
	load(w->fib, w->o.routes, w->o.count);
}

static void plan(struct world *w, struct fib_change c)
{
	w->changes = realloc(w->changes, (w->count + 1) * sizeof(*w->changes));
	assert_non_null(w->changes);
	w->changes[w->count++] = c;
	if (c.value == FIB_MISS)
		oracle_del(&w->o, c.family, c.addr, c.len);
	else
		oracle_set(&w->o, c.family, c.addr, c.len, c.value);
}

/* Half of the routes are set again. */
static void plan_sweep(struct world *w)
{
	fib_mark(w->fib);
	w->sweep = true;
	for (unsigned i = w->o.count; i-- > 0;) {
		struct fib_route r = w->o.routes[i];

		if (rnd(2))
			oracle_del(&w->o, r.family, r.addr, r.len);
		else
			set(w->fib, r.family, r.addr, r.len, r.value);
	}
}

static int do_it(struct world *w)
{
	const struct fib_change *c = w->changes;
	int r;

	if (w->sweep) {
		r = fib_sweep(w->fib, NULL, NULL);
		return r < 0 ? r : 0;
	}
	if (w->count > 1)
		return fib_apply(w->fib, w->changes, w->count, NULL);
	if (c->value == FIB_MISS)
		return fib_route_del(w->fib, c->family, c->addr, c->len, NULL);
	return fib_route_set(w->fib, c->family, c->addr, c->len, c->value, NULL);
}

/* At the routes' first addresses, and anywhere. */
static void expect_done(struct world *w)
{
	uint8_t dst[LOOKUP_MAX][16];
	unsigned n = 0;

	expect_routes(w->fib, &w->o);
	for (unsigned family = 4; family <= 6; family += 2) {
		for (unsigned i = 0; i < w->o.count + 200; i++) {
			struct fib_change c = i < w->o.count ? change_of(&w->o.routes[i]) :
							       random_change(family, 2);

			if (c.family == family)
				memcpy(dst[n++], c.addr, 16);
			if (n < LOOKUP_MAX && i + 1 < w->o.count + 200)
				continue;
			expect(w->fib, &w->o, family, (const uint8_t(*)[16])dst, n);
			n = 0;
		}
	}
}

typedef void plan_fn(struct world *w, enum fib_root root);

/* fn makes the world and the plan, the same for the same seed. Returns how many failed. */
static unsigned every_failure(plan_fn *fn, enum fib_root root, unsigned seed, unsigned stride)
{
	unsigned failures = 0;
	bool hit = true;

	for (unsigned n = 0; hit; n += 1 + n / stride, failures += hit) {
		struct image before;
		struct world w;
		int r;

		rnd_seed(seed);
		fn(&w, root);
		image_take(&before, w.fib, w.arena);
		arm(n, n % 2);
		r = do_it(&w);
		hit = disarm();
		if (r) {
			assert_true(hit);
			assert_int_equal(r, -ENOMEM);
			image_expect(&before);
			check_arena(w.arena, &w.fib, 1);
			assert_int_equal(do_it(&w), 0);
		}
		expect_done(&w);
		check_arena(w.arena, &w.fib, 1);
		image_free(&before);
		world_free(&w);
	}
	return failures;
}

static void plan_set4(struct world *w, enum fib_root root)
{
	world_new(w, root, rnd(2) * 100, 10);
	plan(w, (struct fib_change){ .family = 4, .len = 30, .addr = { 99, 1, 2, 4 }, .value = 5 });
}

static void plan_set6(struct world *w, enum fib_root root)
{
	world_new(w, root, rnd(2) * 100, 10);
	plan(w, (struct fib_change){ .family = 6, .len = 128, .addr = { 2, 3 }, .value = 6 });
}

static void plan_default(struct world *w, enum fib_root root)
{
	world_new(w, root, 300, 10);
	plan(w, (struct fib_change){ .family = rnd(2) ? 4 : 6, .value = 16 });
}

static void plan_new_value(struct world *w, enum fib_root root)
{
	/* What holds the values is full at some power of two, be it with or without FIB_MISS. */
	world_new(w, root, 1000, (16u << rnd(5)) - rnd(2));
	plan(w, change_of(&w->o.routes[rnd(w->o.count)]));
	w->changes[0].value = 1000;
	oracle_set(&w->o, w->changes[0].family, w->changes[0].addr, w->changes[0].len, 1000);
}

static void plan_del(struct world *w, enum fib_root root)
{
	world_new(w, root, 200, 10);
	plan(w, change_of(&w->o.routes[rnd(w->o.count)]));
	w->changes[0].value = FIB_MISS;
	oracle_del(&w->o, w->changes[0].family, w->changes[0].addr, w->changes[0].len);
}

static void plan_mixed(struct world *w, enum fib_root root)
{
	world_new(w, root, 300, 10);
	for (unsigned i = 0; i < 200; i++) {
		struct fib_change c = random_change(i % 2 ? 4 : 6, 60);

		if (i % 3 == 0 && w->o.count)
			c = change_of(&w->o.routes[rnd(w->o.count)]);
		if (i % 4 == 0)
			c.value = FIB_MISS;
		plan(w, c);
	}
}

static void plan_many(struct world *w, enum fib_root root)
{
	world_new(w, root, 10, 10);
	for (unsigned i = 0; i < scaled(2000); i++)
		plan(w, random_change(i % 3 ? 4 : 6, 300));
}

static void plan_half(struct world *w, enum fib_root root)
{
	world_new(w, root, 400, 10);
	plan_sweep(w);
}

/* FIB_ROOT_AUTO becomes flat. */
static void plan_flat(struct world *w, enum fib_root root)
{
	enum { ENOUGH = 33000 };

	world_new(w, root, 10, 10);
	w->changes = calloc(ENOUGH, sizeof(*w->changes));
	assert_non_null(w->changes);
	for (w->count = 0; w->count < ENOUGH; w->count++) {
		uint8_t addr[16] = { 10, (uint8_t)(w->count >> 8), (uint8_t)w->count };

		w->changes[w->count] = (struct fib_change){ .family = 4, .len = 24 };
		memcpy(w->changes[w->count].addr, addr, 16);
		oracle_set(&w->o, 4, addr, 24, 0);
	}
}

static void changing_each(enum fib_root root)
{
	static plan_fn *const plans[] = { plan_set4, plan_set6, plan_default, plan_new_value,
					  plan_del,  plan_half, plan_mixed,   plan_many };

	for (unsigned i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		unsigned failures = 0;
		unsigned seeds = plans[i] == plan_many ? 1 : plans[i] == plan_mixed ? 1 : 12;

		for (unsigned seed = 0; seed < seeds; seed++)
			failures += every_failure(plans[i], root, seed, 8);
		print_message("plan %u: %u failures\n", i, failures);
		assert_true(failures > 0 || plans[i] == plan_default || plans[i] == plan_del);
	}
}

static void changing(void **state)
{
	each_root(changing_each);
}

static void becoming_flat(void **state)
{
	assert_true(every_failure(plan_flat, FIB_ROOT_AUTO, 1, 8) > 10);
}

/* A table grows route by route, and every allocation on the way fails first. */
static void growing_each(enum fib_root root)
{
	struct world w;
	unsigned failures = 0;

	rnd_seed(root);
	world_new(&w, root, 0, 1);
	for (unsigned i = 0; i < scaled(360); i++) {
		struct fib_change c = random_change(i % 3 ? 4 : 6, 200);
		struct image before;
		int r;

		if (oracle_find(&w.o, c.family, c.addr, c.len))
			continue;
		oracle_set(&w.o, c.family, c.addr, c.len, c.value);
		before = (struct image){ .fib = w.fib, .arena = w.arena,
					 .stats = table_stats(w.fib),
					 .arena_stats = arena_stats(w.arena) };
		for (unsigned n = 0;; n++) {
			arm(n, n % 2);
			r = fib_apply(w.fib, &c, 1, NULL);
			disarm();
			if (r == 0)
				break;
			failures++;
			assert_int_equal(r, -ENOMEM);
			image_expect_stats(&before);
			assert_int_equal(fib_route_find(w.fib, c.family, c.addr, c.len, &c.value),
					 -ENOENT);
		}
	}
	expect_done(&w);
	check_arena(w.arena, &w.fib, 1);
	print_message("%u failures on the way to %u routes\n", failures, w.o.count);
	assert_true(failures > w.o.count);
	world_free(&w);
}

static void growing(void **state)
{
	each_root(growing_each);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(creating),
		cmocka_unit_test(changing),
		cmocka_unit_test(becoming_flat),
		cmocka_unit_test(growing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
