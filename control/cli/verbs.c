/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"

#include <stdio.h>
#include <string.h>

#define FORMAT_HELP "  --format FORMAT  table (default) or json: the objects of docs/api.md\n"
#define HELP_HELP   "  -h, --help       this text\n"

static const char exit_help[] =
	"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the topology is wrong, 4 weftd cannot be\n"
	"reached, 5 verify found differences; exec: the command's own.\n";

const struct verb cli_verbs[] = {
	{ "deploy", "Virtual networks", "deploy FILE [--dry-run] [--no-wait] [--timeout S] [--owner USER] [--format FORMAT]",
	  "start the vnet of a containerlab topology file, or change it to that",
	  "Starts weftd when it does not run (as root). Returns when every node is ready. Of a vnet that\n"
	  "runs only what differs is changed; nodes and links that stay as they are notice nothing.\n\n"
	  "Options:\n"
	  "  --dry-run        say what would be added (+), removed (-), changed while it runs (~) and\n"
	  "                   begun anew (!), and change nothing\n"
	  "  --no-wait        return as soon as weftd has accepted the topology\n"
	  "  --owner USER     a new vnet is theirs (else whose token is given, or the operator's)\n"
	  "  --timeout S      give up when nothing becomes ready for S seconds (default 180); the\n"
	  "                   vnet is left as it is\n"
	  FORMAT_HELP HELP_HELP "\n"
	  "Examples:\n"
	  "  weft deploy configs/twins/red.clab.yml\n"
	  "  weft deploy lab.clab.yml --timeout 600 --format json\n"
	  "  weft deploy lab.clab.yml --dry-run\n", cli_deploy },
	{ "destroy", "Virtual networks", "destroy VNET... | FILE... | --all",
	  "stop vnets and remove all that was made for them",
	  "An argument with a '/' or ending in .yml or .yaml is a topology file and means its vnet.\n\n"
	  "Options:\n"
	  "  -a, --all        every vnet, then weftd and the engine too; of a user: all that are theirs\n" HELP_HELP "\n"
	  "Examples:\n"
	  "  weft destroy red blue\n"
	  "  weft destroy configs/twins/red.clab.yml\n"
	  "  weft destroy --all\n", cli_destroy },
	{ "inspect", "Virtual networks", "inspect [VNET [NODE]] [--format FORMAT] [--protocols]",
	  "show all vnets, one vnet, or one node's ports",
	  "Options:\n"
	  "  --protocols      ask the guests for their neighbours (always done for one vnet)\n"
	  FORMAT_HELP HELP_HELP "\n"
	  "Examples:\n"
	  "  weft inspect\n"
	  "  weft inspect red\n"
	  "  weft inspect red r1 --format json\n", cli_inspect },
	{ "top", "Virtual networks", "top [VNET] [--interval S] [--count N] [--format FORMAT]",
	  "show what the engine does for each vnet, or in one, again and again",
	  "Per vnet: the share of a core that its packets take, and what is forwarded, injected by\n"
	  "guests, hosts and devices, punted, policed and dropped a second. Of one vnet: its nodes,\n"
	  "those first whose guests take most CPU, and its links, the busiest first; and the engine's\n"
	  "workers. On a terminal as many as it has room for. Ctrl-C ends it.\n\n"
	  "Options:\n"
	  "  --interval S     seconds between two looks (default 2)\n"
	  "  --count N        end after so many\n"
	  "  --format FORMAT  table (default) or json: a line each time\n" HELP_HELP "\n"
	  "Examples:\n"
	  "  weft top\n"
	  "  weft top red\n"
	  "  weft top --interval 1 --count 10 --format json\n", cli_top },
	{ "events", "Virtual networks", "events [VNET] [--since CURSOR] [--no-follow] [--format FORMAT]",
	  "show what has happened, and then what happens",
	  "Of all vnets, or of one and the engine: deployments, the states of nodes and links, guests\n"
	  "that ended, templates. Goes on when weftd is restarted; what it missed, it says. Ctrl-C\n"
	  "ends it.\n\n"
	  "Options:\n"
	  "  --since CURSOR   what came after the event with this cursor; now: nothing that has been\n"
	  "                   (default: all that weftd remembers)\n"
	  "  --no-follow      end after what has happened\n"
	  "  --format FORMAT  table (default) or json: an object of docs/api.md a line\n" HELP_HELP "\n"
	  "Examples:\n"
	  "  weft events red --no-follow\n"
	  "  weft events --since now --format json\n", cli_events },
	{ "pause", "Virtual networks", "pause VNET [--format FORMAT]",
	  "let all routers of a vnet stand still at once; forwarding goes on",
	  "No protocol between the vnet's routers times out, since all their clocks stand still.\n\n"
	  "Options:\n" FORMAT_HELP HELP_HELP "\nExample:\n  weft pause red\n", cli_sleep },
	{ "hibernate", "Virtual networks", "hibernate VNET [--format FORMAT]",
	  "save all routers of a vnet to disk and end them; forwarding goes on",
	  "Needs the memory of no guest until `weft resume`. When one cannot be saved, all go on.\n\n"
	  "Options:\n" FORMAT_HELP HELP_HELP "\nExample:\n  weft hibernate red\n", cli_sleep },
	{ "resume", "Virtual networks", "resume VNET [--format FORMAT]",
	  "let the routers of a paused or hibernated vnet go on",
	  "They go on from where they were, and are told the time.\n\n"
	  "Options:\n" FORMAT_HELP HELP_HELP "\nExample:\n  weft resume red\n", cli_sleep },
	{ "exec", "Nodes", "exec VNET NODE [--] COMMAND...",
	  "run a command in a router or host",
	  "Output streams as it comes. Standard input is sent when it is not a terminal (up to\n"
	  "16 MiB, read to its end before the command starts). The exit code is the command's.\n\n"
	  "Options:\n" HELP_HELP "\n"
	  "Examples:\n"
	  "  weft exec red r1 -- vtysh -c 'show ip ospf neighbor'\n"
	  "  weft exec red h1 -- ping -c 3 10.0.2.2 </dev/null\n", cli_exec },
	{ "console", "Nodes", "console VNET NODE", "attach the terminal to a router's serial console",
	  "Ctrl-] leaves.\n\nOptions:\n" HELP_HELP "\nExample:\n  weft console red r1\n",
	  cli_console },
	{ "debug", "Nodes", "debug VNET NODE", "let gdb at a router's whole machine: its kernel and CPUs",
	  "Speaks gdb's remote protocol on standard input and output: for gdb to run. The router\n"
	  "stands still while gdb does not let it go on, and goes on when gdb detaches or quits.\n\n"
	  "Options:\n" HELP_HELP "\n"
	  "Example:\n"
	  "  gdb vmlinux -ex 'target remote | weft debug red r1'\n", cli_debug },
	{ "restart", "Nodes", "restart VNET NODE", "start a node anew; a router is forwarded for meanwhile",
	  "A router's guest is power-cycled, at once even if it has ended again and again and waits for\n"
	  "its next start. A host gets a new namespace, what runs in it ends, its exec lines run.\n\n"
	  "Options:\n" HELP_HELP "\nExample:\n  weft restart red r1\n", cli_restart },
	{ "routes", "Nodes", "routes VNET NODE [--format FORMAT]",
	  "show the routes the engine forwards by (the FIB)",
	  "Options:\n" FORMAT_HELP HELP_HELP "\nExample:\n  weft routes red r1\n", cli_routes },
	{ "verify", "Nodes", "verify VNET [NODE]... [--watch[=SECONDS]] [--format FORMAT]",
	  "compare what routers' kernels have with what the engine forwards by",
	  "Route by route, of all routers or of some: the guest's kernel (a dump that is made now), what\n"
	  "weftd has learnt of it, and the FIB, which is read back from the engine. What changes meanwhile\n"
	  "is looked at again: a difference is what stays. Then what is left out, and why. The exit code\n"
	  "is 0 when all is the same, 5 when something differs, 1 when a router could not be compared.\n\n"
	  "Options:\n"
	  "  --watch[=SECONDS]\n"
	  "                   again and again, with so much time between (default 10): a line for what\n"
	  "                   has come to differ, and when it does no more. Ctrl-C ends it\n"
	  FORMAT_HELP HELP_HELP "\n"
	  "Examples:\n"
	  "  weft verify red\n"
	  "  weft verify red r1 r2 --format json\n"
	  "  weft verify red --watch=60\n", cli_verify },
	{ "trace", "Nodes", "trace VNET NODE[:PORT] SRC DST [--udp|--tcp SPORT:DPORT] [--ttl N] [--format FORMAT]",
	  "show the way that a packet would take, by each FIB on it",
	  "From a host, or as received by a router's port (the first unless told); nothing is sent.\n"
	  "Where there are several ways, the one that the flow takes: addresses and ports decide.\n\n"
	  "Options:\n"
	  "  --udp SPORT:DPORT, --tcp SPORT:DPORT\n"
	  "                   what the packet is (default: a ping)\n"
	  "  --ttl N          its TTL as it begins (default 64)\n" FORMAT_HELP HELP_HELP "\n"
	  "Examples:\n"
	  "  weft trace red h1 10.0.1.10 10.0.3.10\n"
	  "  weft trace red r1:eth3 fd00:1::10 fd00:3::10 --udp 1234:53\n", cli_trace },
	{ "link", "Nodes",
	  "link down|up VNET NODE:PORT\nlink set VNET NODE:PORT [--one-way] none | KEY VALUE...\n"
	  "link clear VNET NODE:PORT [--one-way]\nlink show VNET [NODE:PORT] [--format FORMAT]",
	  "cut a link, or mend it; have it delay, lose or slow down what it carries",
	  "A link is named by either end. set says all that it does to its frames from now on, both\n"
	  "ways, in place of what the topology says; clear takes that back. KEY VALUE, as in\n"
	  "tc-netem(8):\n"
	  "  delay 10ms       jitter 1ms (uniform, either way; may reorder)\n"
	  "  loss 1%          burst 5 (frames lost in a row, in the mean)\n"
	  "  gemodel '1% 20%' in place of both: Gilbert and Elliott's P R 1-H 1-K\n"
	  "  rate 10Mbit      limit 1000 (frames that may wait for it)\n"
	  "  corrupt 0.1%     duplicate 0.1%    reorder 1% (go at once, past the delayed)\n"
	  "  seed 7           another one has other frames lost\n\n"
	  "Options:\n"
	  "  --one-way        only what NODE:PORT sends\n" FORMAT_HELP HELP_HELP "\n"
	  "Examples:\n"
	  "  weft link down red r1:eth1\n"
	  "  weft link set red r1:eth1 delay 10ms loss 0.1%\n"
	  "  weft link set red r1:eth1 --one-way rate 10Mbit limit 100\n"
	  "  weft link clear red r1:eth1\n"
	  "  weft link show red\n", cli_link },
	{ "capture", "Nodes", "capture VNET NODE:PORT [OPTION]... [FILTER]\n"
	  "capture VNET NODE:PORT,NODE:PORT [OPTION]... [FILTER]\n"
	  "capture VNET --all [OPTION]... [FILTER]",
	  "write the packets of a port, a link or a whole vnet as pcapng",
	  "To standard output, for Wireshark, until Ctrl-C; what the engine drops too, with a comment\n"
	  "that says why. A port is seen from its node. A link has each packet once: as sent by its\n"
	  "first end, then outbound, or its second, then inbound. FILTER is as in pcap-filter(7).\n\n"
	  "Options:\n"
	  "  -a, --all        every link\n"
	  "  -w, --write FILE there, instead of to standard output\n"
	  "  -s, --snap BYTES of each packet no more (default 65535)\n" HELP_HELP "\n"
	  "Examples:\n"
	  "  weft capture red r1:eth1 icmp | tshark -r -\n"
	  "  weft capture red r1:eth1,r2:eth1 -w link.pcapng\n"
	  "  ssh host weft capture red --all | wireshark -k -i -\n", cli_capture },
	{ "run", "Nodes", "run SCENARIO", "do to a vnet what a file says, at its times",
	  "The file has the vnet and steps, each a time since the start and a command without the vnet\n"
	  "(link, restart, pause, hibernate, resume):\n"
	  "  vnet: red\n"
	  "  steps:\n"
	  "    - 5s: link down r1:eth1\n"
	  "    - 10s: restart r2\n"
	  "    - 12.5s: link set r1:eth2 delay 10ms loss 1%\n"
	  "Prints a line of JSON about each when it is done: when it was due (at), began and how long it\n"
	  "took, in seconds, the time of day, and whether it worked. One that fails stops nothing.\n\n"
	  "Options:\n" HELP_HELP "\nExample:\n  weft run flap.yml >flap.jsonl\n", cli_run },
	{ "port", "This machine", "port list|reload [--format FORMAT]",
	  "show the physical ports of this machine and which vnet has what of them",
	  "The operator names them in /etc/weft/ports.yml; links of topologies end at \"port:p0.100\"\n"
	  "(VLAN 100 of p0) or \"port:p0\" (what has no tag). reload reads the file again; when it is\n"
	  "wrong everything stays as it is.\n\n"
	  "Options:\n" FORMAT_HELP HELP_HELP "\n"
	  "Examples:\n"
	  "  weft port list\n"
	  "  weft port reload\n", cli_port },
	{ "image", "This machine", "image build [NAME]... [--force]\nimage list [--format FORMAT]",
	  "build and list the guests' images and the templates that routers are cloned from",
	  "NAME is frr or bird; without one both are built. What is up to date is not built again;\n"
	  "a stale template (another QEMU, another image) is. Needs root.\n\n"
	  "Options:\n"
	  "  --force          build even what is up to date\n" FORMAT_HELP HELP_HELP "\n"
	  "Examples:\n"
	  "  weft image build\n"
	  "  weft image build frr --force\n"
	  "  weft image list\n", cli_image },
	{ "user", "This machine", "user add NAME [QUOTA]...\n"
	  "user set NAME QUOTA...\n"
	  "user token NAME\n"
	  "user remove NAME\n"
	  "user list [NAME] [--format FORMAT]", "let others have vnets of their own, within quotas",
	  "A user sees and changes vnets of their own and no others, by a token: add prints it, once, token\n"
	  "makes another one, and from then on the one of before is none. A user who has vnets is not\n"
	  "removed. Lists what each uses of what they may.\n\n"
	  "Quotas, over all vnets of a user; a number, or none for no limit, which is what is not said:\n"
	  "  --vnets N        vnets\n"
	  "  --guests N       routers\n"
	  "  --hosts N        hosts\n"
	  "  --memory MIB     memory of routers\n"
	  "  --routes N       routes in the engine: the sum of the routers' fib-routes\n"
	  "  --cores N        the engine's cores that are guaranteed\n"
	  "  --weight N       the sum of the vnets' weights\n"
	  "  --rate MBIT      the sum of the links' ceilings at physical ports\n\n"
	  "Options:\n" FORMAT_HELP HELP_HELP "\n"
	  "Examples:\n"
	  "  weft user add alice --guests 8 --memory 2048 --routes 1000000 >alice.token\n"
	  "  weft user set alice --guests 16\n"
	  "  weft user list\n"
	  "  WEFT_TOKEN=$(cat alice.token) weft deploy lab.clab.yml\n", cli_user },
	{ "version", "This machine", "version [--format FORMAT]", "show the versions of weft and weftd",
	  "Options:\n" FORMAT_HELP HELP_HELP "\nExample:\n  weft version\n", cli_version },
	{ "help", "This machine", "help [VERB]", "explain a verb",
	  "Options:\n" HELP_HELP "\nExample:\n  weft help deploy\n", cli_help_verb },
	{ 0 },
};

const struct verb *cli_verb_find(const char *name)
{
	for (const struct verb *v = cli_verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

#define WORD_MAX 16

/* Edit distance (insert, delete, replace, swap of neighbours); words of WORD_MAX at most. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[WORD_MAX + 1][WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			unsigned best;

			if (!i || !j) {
				d[i][j] = (unsigned)(i + j);
				continue;
			}
			best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[n][m];
}

const struct verb *cli_verb_nearest(const char *name)
{
	const struct verb *near = NULL;
	unsigned best = 3; /* farther than two edits is no typo */

	for (const struct verb *v = cli_verbs; v->name; v++) {
		unsigned d = distance(name, v->name);

		if (d < best && d < strlen(v->name)) {
			best = d;
			near = v;
		}
	}
	return near;
}

void cli_help(void)
{
	const char *group = "";

	puts("weft: slice one machine into many virtual Internets\n\n"
	     "Usage: weft [--token-file FILE] VERB [ARGUMENT]...   (weft VERB --help explains one)");
	for (const struct verb *v = cli_verbs; v->name; v++) {
		if (strcmp(group, v->group))
			printf("\n%s:\n", v->group);
		group = v->group;
		printf("  %-10s %s\n", v->name, v->summary);
	}
	printf("\n%s\n", exit_help);
	puts("Environment: WEFT_RUN (sockets; /run/weft), WEFT_STATE (database, images, logs;\n"
	     "/var/lib/weft), WEFT_SHARE (images.yml; beside the program), WEFT_MACHINE (weft-vmm or\n"
	     "qemu: what runs guests), WEFT_PORTS (ports.yml), WEFT_METRICS (ADDRESS:PORT where the weftd that\n"
	     "deploy starts lets Prometheus scrape it; nowhere), WEFT_TOKEN (a user's, as --token-file: who\n"
	     "has one sees their own vnets).");
}

void cli_verb_help(const struct verb *verb)
{
	const char *p = verb->usage;

	for (const char *head = "Usage:"; p; head = "      ") {
		size_t n = strcspn(p, "\n");

		printf("%s weft %.*s\n", head, (int)n, p);
		p = p[n] ? p + n + 1 : NULL;
	}
	printf("\n%c%s.\n\n%s\n%s", verb->summary[0] - 'a' + 'A', verb->summary + 1, verb->help,
	       exit_help);
}

int cli_help_verb(struct cli *cli, int argc, char **argv)
{
	const struct verb *verb;

	if (!cli_args(cli, argc, argv, NULL, 0, 1))
		return cli->status;
	if (optind == argc) {
		cli_help();
		return CLI_OK;
	}
	verb = cli_verb_find(argv[optind]);
	if (!verb)
		return cli_fail(cli, CLI_USAGE, "there is no verb '%s'; `weft --help` lists them",
				argv[optind]);
	cli_verb_help(verb);
	return CLI_OK;
}
