/* SPDX-License-Identifier: Apache-2.0 */
#include "control/admission.h"

#include "control/engine.h"
#include "control/router.h"
#include "control/vnet_priv.h"
#include "hv/hv.h"
#include "vrouter/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLONE_MIB	 70 /* its own pages of the template's memory, and its machine: 62 MB measured */
#define MACHINE_MIB	 75 /* beside a guest's memory when nothing is shared: 235 MB for 160 MiB */
#define TCG_PER_MILLE	 13 /* of a core, all the time, in OSPF: 0.8 to 1.1 % measured */
#define KVM_PER_MILLE	 3
#define RESERVE_PER_CENT 5  /* of all memory */
#define CPU_PER_CENT	 90
#define GUARANTEE_PER_MILLE 900 /* of each worker: the rest is for those without a guarantee */

#define KINDS_SAID 4

void admission_add(struct admission *a, unsigned mib)
{
	unsigned i = 0;

	while (i < a->kind_count && a->kinds[i].mib != mib)
		i++;
	if (i == ADMISSION_KINDS_MAX)
		i--; /* a topology has no more routers than that */
	else if (i == a->kind_count)
		a->kinds[a->kind_count++] = (struct admission_kind){ .mib = mib };
	a->kinds[i].count++;
}

static const char *size_text(char text[32], uint64_t mib)
{
	if (mib < 1024)
		snprintf(text, 32, "%llu MiB", (unsigned long long)mib);
	else
		snprintf(text, 32, "%.1f GiB", (double)mib / 1024);
	return text;
}

/* "118 x 70 MiB + 2 x 235 MiB" */
static void kinds_text(const struct admission *a, char *text, size_t room)
{
	size_t used = 0;

	for (unsigned i = 0; i < a->kind_count && i < KINDS_SAID && used < room; i++)
		used += (size_t)snprintf(text + used, room - used, "%s%u x %u MiB", i ? " + " : "",
					 a->kinds[i].count, a->kinds[i].mib);
	if (a->kind_count > KINDS_SAID && used < room)
		snprintf(text + used, room - used, " + ...");
}

static int judge_memory(const struct admission *a, unsigned count, struct err *err)
{
	uint64_t reserve = a->total_mib * RESERVE_PER_CENT / 100, need = 0;
	char sum[160] = "", sizes[5][32];

	for (unsigned i = 0; i < a->kind_count; i++)
		need += (uint64_t)a->kinds[i].count * a->kinds[i].mib;
	if (!need || need + a->promised_mib + reserve <= a->free_mib)
		return 0;
	kinds_text(a, sum, sizeof(sum));
	return err_set(err, -ENOSPC,
		       "%s needs %s for %u routers (%s); %s of %s are free, %s of them promised to "
		       "routers that still start and %s kept for the machine: take routers away, or "
		       "give the machine memory", a->vnet, size_text(sizes[0], need), count, sum,
		       size_text(sizes[1], a->free_mib), size_text(sizes[2], a->total_mib),
		       size_text(sizes[3], a->promised_mib), size_text(sizes[4], reserve));
}

static int judge_huge_pages(const struct admission *a, struct err *err)
{
	uint64_t left = a->huge_free > a->huge_promised ? a->huge_free - a->huge_promised : 0;

	if (a->huge_need <= left)
		return 0;
	return err_set(err, -ENOSPC,
		       "%s needs %llu huge pages of 2 MiB for the memory of its routers; %llu are free: set "
		       "more aside (sysctl vm.nr_hugepages), or take hugepages away", a->vnet,
		       (unsigned long long)a->huge_need, (unsigned long long)left);
}

static int judge_cpu(const struct admission *a, unsigned count, struct err *err)
{
	unsigned each = a->kvm ? KVM_PER_MILLE : TCG_PER_MILLE;
	uint64_t need = (uint64_t)(count + a->staying) * each, have = (uint64_t)a->cpus * CPU_PER_CENT * 10;

	if (!count || need <= have)
		return 0;
	return err_set(err, -ENOSPC,
		       "%s brings %u routers, beside %u that run: each keeps %.1f %% of a core busy "
		       "(%s), which makes %.1f cores of the %.1f that %u CPUs have for routers: take "
		       "routers away, or give the machine CPUs", a->vnet, count, a->staying,
		       each / 10.0, a->kvm ? "KVM" : "TCG", (double)need / 1000, (double)have / 1000,
		       a->cpus);
}

/* "0.05 cores" */
static const char *cores_text(char text[32], unsigned milli)
{
	snprintf(text, 32, "%u.%03u cores", milli / 1000, milli % 1000);
	return text;
}

static int judge_guarantee(const struct admission *a, struct err *err)
{
	unsigned have = a->workers * GUARANTEE_PER_MILLE;
	unsigned left = have > a->guaranteed ? have - a->guaranteed : 0;
	char sizes[4][32];

	if (a->guarantee <= left)
		return 0;
	return err_set(err, -ENOSPC,
		       "%s asks for a guarantee of %s; %s are left of the %s that may be guaranteed with "
		       "%u forwarding, others have %s: lower the guarantee, or take another vnet's away",
		       a->vnet, cores_text(sizes[0], a->guarantee), cores_text(sizes[1], left),
		       cores_text(sizes[2], have), a->workers, cores_text(sizes[3], a->guaranteed));
}

int admission_judge(const struct admission *a, struct err *err)
{
	unsigned count = 0;
	int code;

	for (unsigned i = 0; i < a->kind_count; i++)
		count += a->kinds[i].count;
	code = judge_memory(a, count, err);
	if (!code)
		code = judge_huge_pages(a, err);
	if (!code)
		code = judge_cpu(a, count, err);
	return code ? code : judge_guarantee(a, err);
}

/* The sum in the making. Images are looked up once for all the routers in a row that have one. */
struct sum {
	struct weftd *daemon;
	struct admission all;
	struct image image;
	bool templates; /* the image's routers can be clones */
};

static unsigned guest_mib(const struct topology_node *n, const struct sum *s)
{
	return n->memory_mib ? n->memory_mib : s->image.memory_mib;
}

static bool is_huge(const struct topology_node *n)
{
	return n->huge_pages && n->port_count; /* without ports nobody shares it */
}

static unsigned huge_pages(const struct topology_node *n, const struct sum *s)
{
	return is_huge(n) ? (guest_mib(n, s) + 1) / 2 : 0;
}

/* Of ordinary memory. A template is one machine: what differs from it boots cold. */
static unsigned need_mib(const struct topology_node *n, const struct sum *s)
{
	unsigned mib = guest_mib(n, s);

	if (is_huge(n))
		return MACHINE_MIB;
	if (s->templates && !n->cold && !n->vhost_user && n->intake != TOPOLOGY_INTAKE_FPM &&
	    n->cpus <= 1 && mib == s->image.memory_mib)
		return CLONE_MIB;
	return mib + MACHINE_MIB;
}

static int find_image(struct sum *s, const struct topology_node *n, struct err *err)
{
	struct template there;
	char store[512];
	int code;

	if (!strcmp(s->image.name, n->guest_image))
		return 0;
	snprintf(store, sizeof(store), "%s/images", s->daemon->state);
	code = image_find(store, n->guest_image, &s->image, err);
	if (!code) /* the first router that wants one has it built */
		s->templates = template_find(&s->image, &there, NULL) != -ENOTSUP;
	return code;
}

static bool is_ready(const struct node *n)
{
	struct vrouter_info info = { 0 };

	if (n->router)
		vrouter_info(router_vrouter(n->router), &info);
	return info.state == VROUTER_READY;
}

/* A router that there is already. leaves: its memory will be free again, if it has taken it. */
static void add_present(struct sum *s, const struct node *n, bool leaves)
{
	bool ready = is_ready(n);

	s->all.staying += !leaves;
	if (leaves != ready || find_image(s, n->spec, NULL) < 0)
		return;
	if (leaves) {
		s->all.free_mib += need_mib(n->spec, s);
		s->all.huge_free += huge_pages(n->spec, s);
	} else {
		s->all.promised_mib += need_mib(n->spec, s);
		/* A machine reserves its own as it starts. */
		if (!n->router || !router_runs(n->router))
			s->all.huge_promised += huge_pages(n->spec, s);
	}
}

static bool goes_on(struct vnet *v, const struct topology_node *is)
{
	char why[TOPOLOGY_WHY_MAX];
	struct nics nics;

	return vnet_goes_on(v, is, &nics, why);
}

static void add_vnet(struct sum *s, struct vnet *v, const struct topology *next)
{
	for (unsigned i = 0; i < v->topology->node_count; i++) {
		const struct node *n = v->nodes[i];
		const struct topology_node *spec = next ? topology_find(next, n->spec->name) : NULL;

		if (n->spec->kind == TOPOLOGY_ROUTER && !n->error[0])
			add_present(s, n, next && !(spec && goes_on(v, spec)));
	}
}

static uint64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static int add_machine(struct admission *a, struct err *err)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char text[4096] = "";
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (f)
		fclose(f);
	text[n] = 0;
	a->total_mib = meminfo(text, "MemTotal:") / 1024;
	a->free_mib = meminfo(text, "MemAvailable:") / 1024;
	if (meminfo(text, "Hugepagesize:") == 2048) /* less those that somebody has, and not touched yet */
		a->huge_free = meminfo(text, "HugePages_Free:") - meminfo(text, "HugePages_Rsvd:");
	a->cpus = cpus > 0 ? (unsigned)cpus : 1;
	a->kvm = hv_can_use_kvm();
	return a->total_mib ? 0 : err_set(err, -EIO, "/proc/meminfo does not say how much memory there is");
}

int admission_check(struct weftd *d, const struct topology *t, struct vnet *existing, struct err *err)
{
	struct sum s = { .daemon = d, .all = { .vnet = t->name, .guarantee = t->guarantee,
					       .workers = engine_workers(d->engine) } };
	int code = add_machine(&s.all, err);
	struct vnet *v;

	for (unsigned i = 0; !code && i < t->node_count; i++) {
		const struct topology_node *n = &t->nodes[i];

		if (n->kind != TOPOLOGY_ROUTER)
			continue;
		code = find_image(&s, n, err);
		if (code)
			return err_prefix(err, code, "node %s", n->name);
		if (!existing || !goes_on(existing, n)) {
			admission_add(&s.all, need_mib(n, &s));
			s.all.huge_need += huge_pages(n, &s);
		}
	}
	TAILQ_FOREACH (v, &d->vnets, entry) {
		/* The engine goes on forwarding for those that sleep. */
		if (!v->destroying && strcmp(v->topology->name, t->name) != 0)
			s.all.guaranteed += v->topology->guarantee;
		if (!v->destroying && v->mode == STORE_RUNNING) /* the others cost no CPU, or nothing */
			add_vnet(&s, v, v == existing ? t : NULL);
	}
	return code ? code : admission_judge(&s.all, err);
}
