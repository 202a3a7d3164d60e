/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks weftd for a capture, gets the memory that the engine writes packets to, and makes a pcapng
 * file of them. The connection is the capture's life.
 */
#include "base/sock.h"
#include "control/cli/capture_file.h"
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "dataplane/api.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ANSWER_MAX = 1 << 20,
	LOOK_MS = 2, /* between two looks at the tape, longer and longer while there is nothing */
	LOOK_MAX_MS = 32,
};

struct run {
	const struct cli *cli;
	const char *vnet, *at, *path;
	char filter[4096];
	uint32_t snap;
	struct bpf_program program;
	int sock, tape, out;
	json_t *answer;
	bool stopping, unread; /* whoever read the file has left */
	char ended[256]; /* why weftd ended it */
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = 1;
}

/* A second one has its usual effect. */
static void catch_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int dial(struct run *r, struct err *err)
{
	struct sockaddr_un to;
	char path[PATH_MAX + 32];
	int code;

	snprintf(path, sizeof(path), "%s/%scapture.sock", r->cli->run, client_token() ? "users-" : "");
	code = sock_address(&to, path, err);
	if (code)
		return code;
	r->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (r->sock >= 0 && connect(r->sock, (struct sockaddr *)&to, sizeof(to)) == 0)
		return 0;
	if (errno == EACCES || errno == EPERM)
		return err_set(err, -ENOTCONN, "may not use %s: run as root, or give a token (WEFT_TOKEN, "
			       "--token-file)", path);
	return err_set(err, -ENOTCONN, "weftd does not answer on %s: `weft deploy`, as root, starts it",
		       path);
}

static int ask(struct run *r, struct err *err)
{
	json_t *o = json_pack("{s:s, s:i, s:s*, s:s*}", "vnet", r->vnet, "snap", (int)r->snap, "at", r->at,
			      "token", client_token());
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int code = text ? 0 : err_sys(err, -ENOMEM, "capture");

	if (!code && send(r->sock, text, strlen(text), MSG_NOSIGNAL) < 0)
		code = err_sys(err, -EIO, "weftd does not listen");
	free(text);
	json_decref(o);
	return code;
}

/* The next that weftd says; 1: its end. */
static int hear(struct run *r, json_t **out, struct err *err)
{
	static char bytes[ANSWER_MAX];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(r->sock, &msg, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return 1;
	if (n < 0)
		return err_sys(err, -errno, "weftd does not answer");
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && r->tape < 0)
		memcpy(&r->tape, CMSG_DATA(c), sizeof(r->tape));
	*out = json_loadb(bytes, (size_t)n, 0, NULL);
	if (json_is_object(*out))
		return 0;
	json_decref(*out);
	return err_set(err, -EBADMSG, "weftd's answer is not what docs/api.md says; compare both "
				      "versions with `weft version`");
}

static int begin(struct run *r, struct err *err)
{
	const json_t *list;
	int code = dial(r, err);

	if (!code)
		code = ask(r, err);
	if (!code)
		code = hear(r, &r->answer, err);
	if (code)
		return code < 0 ? code : err_set(err, -EIO, "weftd ended without an answer");
	if (json_object_get(r->answer, "error"))
		return err_set(err, -EREMOTEIO, "%s", json_text(r->answer, "error"));
	list = json_object_get(r->answer, "interfaces");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i)))
			list = NULL;
	if (!json_array_size(list) || r->tape < 0)
		return err_set(err, -EBADMSG, "weftd names no interfaces");
	if (r->path)
		r->out = open(r->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return r->out < 0 ? err_sys(err, -errno, "%s", r->path) : 0;
}

/* Waits that long, or less when something happens. True: nothing more will come. */
static bool wait_ms(struct run *r, int ms)
{
	struct pollfd p[] = { { .fd = r->sock, .events = POLLIN }, { .fd = r->out } };
	json_t *o = NULL;
	struct err err;

	if (stop && !r->stopping) {
		r->stopping = true;
		shutdown(r->sock, SHUT_WR); /* weftd ends it, and then the connection */
	}
	if (poll(p, 2, ms) <= 0)
		return false;
	r->unread = p[1].revents & (POLLERR | POLLHUP);
	if (r->unread)
		return true;
	if (hear(r, &o, &err)) {
		if (!r->stopping && !r->ended[0])
			snprintf(r->ended, sizeof(r->ended), "weftd ended");
		return true;
	}
	snprintf(r->ended, sizeof(r->ended), "%s", json_text(o, "error"));
	json_decref(o);
	return false;
}

static int copy_all(struct run *r, struct capture_file *f)
{
	int ms = LOOK_MS;
	bool end;
	long n;

	do {
		end = wait_ms(r, ms);
		n = capture_file_copy(f, end);
		ms = n ? LOOK_MS : ms * 2 < LOOK_MAX_MS ? ms * 2 : LOOK_MAX_MS;
	} while (!end && n >= 0);
	return n < 0 ? (int)n : 0;
}

static int run(struct run *r, struct err *err)
{
	struct capture_file_conf conf = { .vnet = r->vnet, .snap = r->snap,
					  .interfaces = json_object_get(r->answer, "interfaces"),
					  .tape = r->tape, .out = r->out, .program = &r->program,
					  .filter = r->filter[0] ? r->filter : NULL };
	uint64_t written = 0, missed = 0;
	struct capture_file *f;
	int code = capture_file_create(&conf, &f, err);

	if (code)
		return code;
	fprintf(stderr, "weft: capture: %s of %s; Ctrl-C ends it\n", r->at ? r->at : "all links",
		r->vnet);
	code = copy_all(r, f);
	if (!code && !r->unread)
		code = capture_file_finish(f, &written, &missed);
	if (code == -EPIPE || r->unread) /* who read it has seen enough */
		code = 0;
	else if (code)
		err_sys(err, code, "the capture cannot be written");
	else
		fprintf(stderr, "weft: capture: %llu packets, %llu missed\n",
			(unsigned long long)written, (unsigned long long)missed);
	capture_file_destroy(f);
	if (!code && r->ended[0])
		code = err_set(err, -EIO, "%s", r->ended);
	return code;
}

static int compile_filter(struct run *r, char **words, struct err *err)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, (int)r->snap);
	int code = 0;

	for (size_t len = 0; *words; words++) {
		int n = snprintf(r->filter + len, sizeof(r->filter) - len, "%s%s", len ? " " : "",
				 *words);

		len += (size_t)n;
		if (len >= sizeof(r->filter)) {
			pcap_close(p);
			return err_set(err, -EINVAL, "the filter is too long");
		}
	}
	if (!p)
		return err_sys(err, -ENOMEM, "the filter");
	if (pcap_compile(p, &r->program, r->filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
		code = err_set(err, -EINVAL, "the filter '%s': %s", r->filter, pcap_geterr(p));
	pcap_close(p);
	return code;
}

/* NODE:PORT, up to end. */
static bool end_ok(const char *at, const char *end)
{
	const char *colon = memchr(at, ':', (size_t)(end - at));
	char node[64], port[64];

	if (!colon || colon - at >= (int)sizeof(node) || end - colon > (int)sizeof(port))
		return false;
	snprintf(node, sizeof(node), "%.*s", (int)(colon - at), at);
	snprintf(port, sizeof(port), "%.*s", (int)(end - colon - 1), colon + 1);
	return cli_name_valid(node) && cli_name_valid(port);
}

static bool at_ok(const char *at)
{
	const char *end = at + strlen(at), *comma = strchr(at, ',');

	return comma ? end_ok(at, comma) && end_ok(comma + 1, end) : end_ok(at, end);
}

/* Options. False: cli->status. */
static bool parse_options(struct run *r, struct cli *cli, int argc, char **argv, bool *all)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' },
						 { "write", required_argument, NULL, 'w' },
						 { "snap", required_argument, NULL, 's' },
						 CLI_HELP, { 0 } };
	char *end;
	int c;

	while ((c = cli_option_brief(cli, argc, argv, ":haw:s:", options)) != CLI_OPTION_END) {
		if (c == CLI_OPTION_STOP)
			return false;
		if (c == 'a') {
			*all = true;
		} else if (c == 'w') {
			r->path = optarg;
		} else {
			unsigned long n = strtoul(optarg, &end, 10);

			if (*end || n < 1 || n > DP_CAPTURE_SNAP) {
				cli->status = cli_usage(cli, "--snap %s is not in 1..%u", optarg,
							DP_CAPTURE_SNAP);
				return false;
			}
			r->snap = (uint32_t)n;
		}
	}
	return true;
}

/* The same of what is left. */
static bool parse_rest(struct run *r, struct cli *cli, char **argv, bool all)
{
	struct err err;

	cli->status = CLI_USAGE;
	if (!argv[0] || (!all && !argv[1])) {
		cli_usage(cli, "an argument is missing");
		return false;
	}
	r->vnet = argv[0];
	if (!cli_name_ok(cli, "vnet", r->vnet))
		return false;
	if (!all && !at_ok(argv[1])) {
		cli_usage(cli, "'%s' is neither NODE:PORT, as in r1:eth1, nor NODE:PORT,NODE:PORT",
			  argv[1]);
		return false;
	}
	r->at = all ? NULL : argv[1];
	if (!r->path && isatty(STDOUT_FILENO)) {
		cli_usage(cli, "a terminal shows no pcapng: -w FILE, or a pipe to Wireshark");
		return false;
	}
	if (compile_filter(r, argv + (all ? 1 : 2), &err)) {
		cli_usage(cli, "%s", err.text);
		return false;
	}
	return true;
}

int cli_capture(struct cli *cli, int argc, char **argv)
{
	struct run r = { .cli = cli, .snap = DP_CAPTURE_SNAP, .sock = -1, .tape = -1,
			 .out = STDOUT_FILENO };
	bool all = false;
	struct err err;
	int code;

	if (!parse_options(&r, cli, argc, argv, &all) || !parse_rest(&r, cli, argv + optind, all))
		return cli->status;
	catch_signals();
	code = begin(&r, &err);
	if (!code)
		code = run(&r, &err);
	json_decref(r.answer);
	pcap_freecode(&r.program);
	if (r.tape >= 0)
		close(r.tape);
	if (r.sock >= 0)
		close(r.sock);
	return code ? cli_report(cli, code, &err) : CLI_OK;
}
