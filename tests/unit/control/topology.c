/* SPDX-License-Identifier: Apache-2.0 */
/* What files on a disk cannot show: other readers, images.yml, odd callers. */
#include "control/topology.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char images[] = "- {match: \"frr*\", guest: frr}\n- {match: \"*\", host: true}\n";
static const char bound[] = "name: n\n"
			    "topology:\n"
			    "  nodes:\n"
			    "    r1:\n"
			    "      {kind: linux, image: frr, binds: [\"a:/etc/a\"]}\n";

static size_t file_len;

static int read_zeros(void *arg, const char *path, void **bytes, size_t *len, struct err *err)
{
	*bytes = calloc(1, file_len + 1);
	*len = file_len;
	return *bytes ? 0 : -ENOMEM;
}

static int read_nothing(void *arg, const char *path, void **bytes, size_t *len, struct err *err)
{
	return err_set(err, -ENOENT, "%s was\nnot sent", path);
}

static struct topology_conf conf_of(const char *text)
{
	return (struct topology_conf){
		.file = "dir/t.clab.yml",
		.text = text,
		.len = strlen(text),
		.images = images,
		.read = read_zeros,
	};
}

static void refused(const struct topology_conf *conf, const char *sentence)
{
	struct topology *t = NULL;
	struct err err = {{0}};

	assert_int_not_equal(topology_load(conf, &t, &err), 0);
	assert_null(t);
	assert_string_equal(err.text, sentence);
	assert_int_not_equal(topology_load(conf, &t, NULL), 0);
}

static void a_file_of_any_reader_is_limited(void **state)
{
	struct topology_conf conf = conf_of(bound);
	struct err err = {{0}};
	struct topology *t;

	file_len = TOPOLOGY_FILE_MAX;
	assert_int_equal(topology_load(&conf, &t, &err), 0);
	assert_int_equal(t->nodes[0].files[0].len, TOPOLOGY_FILE_MAX);
	assert_string_equal(t->nodes[0].files[0].source, "dir/a");
	topology_free(t);
	file_len = TOPOLOGY_FILE_MAX + 1;
	refused(&conf, "dir/t.clab.yml:5: r1: dir/a is larger than 4 MiB");
}

static void a_reader_s_words_are_one_line(void **state)
{
	struct topology_conf conf = conf_of(bound);

	conf.read = read_nothing;
	refused(&conf, "dir/t.clab.yml:5: r1: dir/a was?not sent");
}

static void a_file_s_name_is_one_line(void **state)
{
	struct topology_conf conf = conf_of("");

	conf.file = "a\nb\xff";
	refused(&conf, "a?b?:1: the file is empty");
	conf.len = TOPOLOGY_FILE_MAX + 1;
	refused(&conf, "a?b?:1: the file is larger than 4 MiB");
}

static void the_text_may_be_null(void **state)
{
	struct topology_conf conf = conf_of("");

	conf.text = NULL;
	refused(&conf, "dir/t.clab.yml:1: the file is empty");
}

static void finds_nodes_by_name(void **state)
{
	struct topology_conf conf = conf_of(bound);
	struct err err = {{0}};
	struct topology *t;

	file_len = 0;
	assert_int_equal(topology_load(&conf, &t, &err), 0);
	assert_ptr_equal(topology_find(t, "r1"), &t->nodes[0]);
	assert_null(topology_find(t, "r"));
	assert_int_equal(t->nodes[0].files[0].len, 0);
	assert_int_equal(t->nodes[0].files[0].mode, 0644);
	topology_free(t);
	topology_free(NULL);
}

static void images_yml_is_checked(void **state)
{
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{"", "images.yml:1: the file is empty"},
		{"[]", "images.yml:1: 0 rules, 1..256 are served"},
		{"{match: a, guest: b}", "images.yml:1: images.yml must be a list"},
		{"- [a]", "images.yml:1: an image rule must be a mapping (key: value)"},
		{"- {match: a, guest: frr}\n- {guest: frr}",
		 "images.yml:2: an image rule has match, and either guest or host"},
		{"- {match: a}", "images.yml:1: an image rule has match, and either guest or host"},
		{"- {match: a, guest: frr, host: true}",
		 "images.yml:1: an image rule has match, and either guest or host"},
		{"- {match: a, host: false}", "images.yml:1: host can only be true"},
		{"- {match: [a], host: true}", "images.yml:1: match must be a text"},
		{"- {match: a, guest: ../x}",
		 "images.yml:1: guest \"../x\" is not a name of at most 31 of a-z 0-9 - _ ."},
		{"- {match: a, gest: frr}",
		 "images.yml:1: key \"gest\" is not one of an image rule: match, guest, host"},
	};
	struct topology_conf conf = conf_of(bound);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		conf.images = bad[i].text;
		refused(&conf, bad[i].sentence);
	}
	conf.images = "- {match: bird, guest: bird}";
	refused(&conf, "dir/t.clab.yml:5: image frr (node r1) matches no rule of images.yml");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_any_reader_is_limited),
		cmocka_unit_test(a_reader_s_words_are_one_line),
		cmocka_unit_test(a_file_s_name_is_one_line),
		cmocka_unit_test(the_text_may_be_null),
		cmocka_unit_test(finds_nodes_by_name),
		cmocka_unit_test(images_yml_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
