/* SPDX-License-Identifier: Apache-2.0 */
#include "control/base64.h"
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STDIN_MAX (16u << 20)

/* The command as far as its answer has been read. */
struct run {
	bool ended;
	int exit; /* once ended */
};

static int write_all(int fd, const uint8_t *p, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, -EIO, "cannot write the command's output");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int on_output(int fd, const json_t *text, struct err *err)
{
	void *bytes;
	size_t len;
	int code = base64_decode(json_string_value(text), &bytes, &len);

	if (code)
		return err_set(err, code, "weftd sent output that is not base64");
	code = write_all(fd, bytes, len, err);
	free(bytes);
	return code;
}

static int on_line(void *arg, const json_t *line, struct err *err)
{
	struct run *run = arg;
	const json_t *v;

	if (run->ended)
		return err_set(err, -EBADMSG, "weftd went on after the command's end");
	if (json_is_string(v = json_object_get(line, "stdout")))
		return on_output(STDOUT_FILENO, v, err);
	if (json_is_string(v = json_object_get(line, "stderr")))
		return on_output(STDERR_FILENO, v, err);
	if (json_is_string(v = json_object_get(line, "error")))
		return err_set(err, -EREMOTEIO, "%s", json_string_value(v));
	v = json_object_get(line, "exit");
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > 255)
		return err_set(err, -EBADMSG, "weftd's answer is not what docs/api.md says; compare "
					      "both versions with `weft version`");
	run->ended = true;
	run->exit = (int)json_integer_value(v);
	return 0;
}

/* Standard input to its end, unless a person types it. */
static int read_stdin(struct buf *in, struct err *err)
{
	char part[65536];
	ssize_t n;

	if (isatty(STDIN_FILENO))
		return 0;
	while ((n = read(STDIN_FILENO, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EBADF) /* closed: nothing to send */
			return 0;
		if (n < 0)
			return err_sys(err, -errno, "cannot read standard input");
		if (in->len + (size_t)n > STDIN_MAX)
			return err_set(err, -EFBIG, "standard input is over %u MiB; send less",
				       STDIN_MAX >> 20);
		buf_put(in, part, (size_t)n);
	}
	return in->bad ? err_sys(err, -ENOMEM, "standard input") : 0;
}

static json_t *make_body(char **argv, const struct buf *in)
{
	json_t *body = json_object(), *list = json_array();
	char *text = in->len ? base64_encode(in->data, in->len) : NULL;
	int bad = 0;

	for (; *argv; argv++)
		bad |= json_array_append_new(list, json_string(*argv));
	bad |= json_object_set_new(body, "argv", list);
	if (in->len)
		bad |= !text || json_object_set_new(body, "stdin", json_string(text));
	free(text);
	if (!bad)
		return body;
	json_decref(body);
	return NULL;
}

static int run_command(const struct cli *cli, const char *path, const json_t *body)
{
	struct run run = { 0 };
	struct client *client;
	struct err err;
	int code = client_create(cli->run, &client, &err);

	if (code)
		return cli_report(cli, code, &err);
	code = client_stream(client, "POST", path, body, on_line, &run, &err);
	client_destroy(client);
	if (!code && !run.ended)
		code = err_set(&err, -EIO, "weftd ended the answer before the command ended");
	return code ? cli_report(cli, code, &err) : run.exit;
}

int cli_exec(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { CLI_HELP, { 0 } };
	const char *vnet, *node;
	struct buf in = { 0 };
	struct err err;
	char path[256];
	json_t *body;
	int status;

	if (cli_option_first(cli, argc, argv, options) != CLI_OPTION_END)
		return cli->status;
	argv += optind;
	argc -= optind;
	if (argc > 2 && !strcmp(argv[2], "--")) {
		argv[2] = argv[1];
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	if (argc < 3)
		return cli_usage(cli, "an argument is missing");
	vnet = argv[0];
	node = argv[1];
	if (!cli_name_ok(cli, "vnet", vnet) || !cli_name_ok(cli, "node", node))
		return CLI_USAGE;
	snprintf(path, sizeof(path), "/v1/vnets/%s/nodes/%s/exec", vnet, node);
	status = read_stdin(&in, &err);
	if (status) {
		buf_free(&in);
		return cli_fail(cli, CLI_FAILED, "%s", err.text);
	}
	body = make_body(argv + 2, &in);
	buf_free(&in);
	if (!body)
		return cli_fail(cli, CLI_FAILED, "the command's words must be UTF-8 text");
	status = run_command(cli, path, body);
	json_decref(body);
	return status;
}
