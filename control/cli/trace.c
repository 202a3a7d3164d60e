/* SPDX-License-Identifier: Apache-2.0 */
/* A packet's way through a vnet, hop by hop. */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct packet {
	int proto; /* 0: a ping */
	unsigned sport, dport, ttl; /* ttl 0: as weftd likes */
};

static const char *route_text(char out[256], const json_t *hop)
{
	const json_t *route = json_map(hop, "route");
	unsigned long long members = json_count(route, "members");
	int n;

	out[0] = 0;
	if (!route)
		return out;
	n = snprintf(out, 256, "%s %s", json_text(route, "prefix"), json_text(route, "kind"));
	if (members && n < 256)
		snprintf(out + n, 256 - (size_t)n, " %llu of %llu",
			 (unsigned long long)json_count(route, "member"), members);
	return out;
}

static const char *result_text(char out[256], const json_t *hop)
{
	const json_t *queue = json_map(hop, "queue");
	int n = snprintf(out, 256, "%s%s%s", json_text(hop, "result"), *json_text(hop, "drop") ? ": " : "",
			 json_text(hop, "drop"));

	if (queue && n < 256)
		snprintf(out + n, 256 - (size_t)n,
			 ", behind %llu packets, 99 %% of which wait less than %.3g ms",
			 (unsigned long long)json_count(queue, "packets"),
			 json_number_at(queue, "delay_s") * 1e3);
	return out;
}

static void show(const json_t *answer)
{
	struct table *t = table_create("NODE", "IN", ">TTL", "ROUTE", "OUT", "TO", "RESULT", NULL);
	char text[256], why[512];
	const json_t *hop;
	size_t i;

	json_array_foreach (json_list(answer, "hops"), i, hop) {
		table_cell(t, "%s", json_text(hop, "node"));
		table_cell(t, "%s", json_text(hop, "in"));
		table_cell(t, "%llu", (unsigned long long)json_count(hop, "ttl"));
		table_cell(t, "%s", route_text(text, hop));
		table_cell(t, "%s", json_text(hop, "out"));
		table_cell(t, "%s", json_text(json_map(hop, "route"), "mac"));
		table_cell(t, "%s", result_text(text, hop));
	}
	table_print(t, stdout);
	table_destroy(t);
	snprintf(why, sizeof(why), "%s: %s", json_text(answer, "result"), json_text(answer, "why"));
	text_clean(why);
	puts(why);
}

/* "SPORT:DPORT" */
static bool parse_ports(const char *text, struct packet *p)
{
	char more;

	return sscanf(text, "%5u:%5u%c", &p->sport, &p->dport, &more) == 2 && p->sport < 65536 &&
	       p->dport < 65536;
}

/* Of one family, as both ends take it. */
static bool is_address(const char *text, int af)
{
	unsigned char bytes[16];

	return inet_pton(af, text, bytes) == 1;
}

static int run(const struct cli *cli, const char *vnet, const char *node, const char *port,
	       const char *src, const char *dst, const struct packet *p)
{
	char path[512], more[96] = "";
	struct client *client;
	json_t *answer = NULL;
	struct err err;
	int code = client_create(cli->run, &client, &err);

	if (code)
		return cli_report(cli, code, &err);
	if (p->proto)
		snprintf(more, sizeof(more), "&proto=%d&sport=%u&dport=%u", p->proto, p->sport, p->dport);
	snprintf(path, sizeof(path), "/v1/vnets/%s/nodes/%s/trace?src=%s&dst=%s%s%s%s", vnet, node, src,
		 dst, port ? "&port=" : "", port ? port : "", more);
	if (p->ttl)
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "&ttl=%u", p->ttl);
	code = client_call(client, "GET", path, NULL, 60, &answer, &err);
	client_destroy(client);
	if (code)
		return cli_report(cli, code, &err);
	if (cli->json)
		json_print(answer);
	else
		show(answer);
	json_decref(answer);
	return CLI_OK;
}

int cli_trace(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { CLI_HELP, CLI_FORMAT,
						 { "udp", required_argument, NULL, 'u' },
						 { "tcp", required_argument, NULL, 't' },
						 { "ttl", required_argument, NULL, 'l' }, { 0 } };
	struct packet p = { .proto = 0 };
	char *node, *port, *end;
	int c;

	while ((c = cli_option(cli, argc, argv, options)) >= 0) {
		if (c == 'l') {
			p.ttl = (unsigned)strtoul(optarg, &end, 10);
			if (*end || !p.ttl || p.ttl > 255)
				return cli_usage(cli, "'%s' is no ttl, which is 1 to 255", optarg);
			continue;
		}
		p.proto = c == 'u' ? IPPROTO_UDP : IPPROTO_TCP;
		if (!parse_ports(optarg, &p))
			return cli_usage(cli, "'%s' is no SPORT:DPORT", optarg);
	}
	if (c == CLI_OPTION_STOP)
		return cli->status;
	if (argc - optind != 4)
		return cli_usage(cli, argc - optind < 4 ? "an argument is missing" :
							  "'%s' is one argument too many", argv[argc - 1]);
	argv += optind;
	port = argv[1];
	node = strsep(&port, ":");
	if (!cli_name_ok(cli, "vnet", argv[0]) || !cli_name_ok(cli, "node", node) ||
	    (port && !cli_name_ok(cli, "port", port)))
		return CLI_USAGE;
	if (!(is_address(argv[2], AF_INET) && is_address(argv[3], AF_INET)) &&
	    !(is_address(argv[2], AF_INET6) && is_address(argv[3], AF_INET6)))
		return cli_usage(cli, "'%s' and '%s' are no two addresses of one family", argv[2], argv[3]);
	return run(cli, argv[0], node, port, argv[2], argv[3], &p);
}
