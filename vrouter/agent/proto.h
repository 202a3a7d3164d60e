/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_AGENT_PROTO_H
#define VROUTER_AGENT_PROTO_H

/*
 * What weft-agent (guest) and weftd (host) say over virtio-serial, port name
 * AGENT_PORT_NAME. Little-endian, byte stream of frames: struct agent_frame, then `len` bytes.
 *
 * A virtio-serial channel has no connection: bytes of an earlier session may still be in flight
 * when a new host process opens it. So the host opens a session with a nonce, and each side drops
 * everything that does not carry it:
 *
 *   host  -> AGENT_HELLO  nonce = fresh random        (repeated each second until answered)
 *   guest -> AGENT_WELCOME nonce = the same, payload struct agent_welcome
 *
 * The receiver resynchronises by scanning for AGENT_MAGIC followed by a header whose check
 * matches. A guest that gets a HELLO with another nonce forgets the session, its commands go on
 * unseen, and a new one begins. An agent that has just begun says AGENT_BORN, with no nonce: the end
 * of a former one the host does not see. Its session is over then, and it says HELLO.
 *
 * Routes: the host sends AGENT_WATCH; the guest answers with a dump (AGENT_NETLINK frames) between
 * AGENT_DUMP_BEGIN and AGENT_DUMP_END and then streams changes as AGENT_NETLINK. Changes may come
 * inside a dump; what they overtook in it is dumped once more, after an AGENT_DUMP_AGAIN, and then
 * applying messages in order gives the right end state. When the guest loses notifications
 * (ENOBUFS) it begins a new dump by itself; the host marks and sweeps.
 *
 * `weft-agent dump`, a command, prints the frames of a dump of its own, nonce AGENT_DUMP_NONCE: what
 * the kernel has now, told apart from what the host has been told before.
 */

#include <stdint.h>

#define AGENT_PORT_NAME "org.weft.agent"
#define AGENT_MAGIC	0x54464557u /* "WEFT" */
#define AGENT_VERSION	1u
#define AGENT_FRAME_MAX 65536u /* payload bytes */
#define AGENT_DUMP_NONCE 1u

enum agent_type {
	/* host to guest */
	AGENT_HELLO = 1,
	AGENT_WATCH, /* begin (or repeat) the dump and the stream */
	AGENT_EXEC,  /* id; payload struct agent_exec */
	AGENT_STDIN, /* id; bytes; empty: end of file */
	AGENT_KILL,  /* id; payload u32 signal */
	AGENT_FILE,  /* id; payload struct agent_file: write a file; answered by AGENT_EXIT (0/errno) */
	AGENT_RENEW, /* id; payload struct agent_renew: a clone's identity; answered by AGENT_EXIT */
	AGENT_CLOCK, /* id; payload u64 ns since 1970: sets the clock; answered by AGENT_EXIT */
	AGENT_SYNC,  /* id; answered by AGENT_EXIT (0/errno) behind all changes that the kernel has told */
	/* guest to host */
	AGENT_WELCOME = 64,
	AGENT_READY,	  /* the router's daemons are configured (also in agent_welcome.ready) */
	AGENT_DUMP_BEGIN,
	AGENT_NETLINK,	  /* payload: one or more whole rtnetlink messages, as the kernel sent them */
	AGENT_DUMP_END,
	AGENT_FORWARD,	  /* payload struct agent_forward, at each change and in each dump */
	AGENT_STDOUT,	  /* id; bytes */
	AGENT_STDERR,	  /* id; bytes */
	AGENT_EXIT,	  /* id; payload i32: exit status, 128+signal, or -errno when not started */
	AGENT_DUMP_AGAIN, /* payload struct agent_again: that part of the dump is void, and comes anew */
	AGENT_BORN,	  /* nonce 0, no payload: it has just begun, and knows of no session */
};

/* Times that a part of a dump is told anew: under constant change no dump of a large table is ever
 * uninterrupted. After so many nobody knows whether the last one was. */
#define AGENT_AGAIN_MAX 3u

struct agent_again {
	uint16_t type; /* of the request: RTM_GETROUTE, ... */
	uint8_t family; /* AF_* */
	uint8_t pad;
};

struct agent_frame {
	uint32_t magic;
	uint32_t len; /* payload bytes, at most AGENT_FRAME_MAX */
	uint64_t nonce;
	uint16_t type; /* enum agent_type */
	uint16_t flags;
	uint32_t id;	/* command */
	uint32_t check; /* magic ^ len ^ type ^ id ^ low32(nonce) ^ high32(nonce) */
	uint32_t pad;
};

struct agent_welcome {
	uint32_t version;
	uint32_t ready;	    /* 1: daemons configured */
	uint64_t uptime_ms; /* of the guest's kernel */
	char image[64];	    /* "frr", "bird", from /etc/weft/image */
};

/* argc strings, then envc "K=V" strings, each terminated by 0. */
struct agent_exec {
	uint16_t argc;
	uint16_t envc;
	uint32_t flags; /* AGENT_EXEC_STDIN: stdin is a pipe fed by AGENT_STDIN, else /dev/null */
};
#define AGENT_EXEC_STDIN 1u

/* path terminated by 0, then the bytes. Parent directories are made. More than one frame for a
 * file: AGENT_FILE_APPEND on all but the first. */
struct agent_file {
	uint32_t mode;
	uint32_t flags;
};
#define AGENT_FILE_APPEND 1u

/* Then the hostname, terminated by 0. In this order: the kernel's random generators are seeded anew,
 * the clock is set, hostname and machine-id follow. */
struct agent_renew {
	uint8_t seed[64];
	uint8_t machine_id[16];
	uint64_t realtime_ns; /* since 1970 */
};

/* What in the guest's forward path the engine cannot represent (besides what rtnetlink shows). */
#define AGENT_FORWARD_NFT_IP4 1u /* nftables/iptables rules on prerouting, forward, postrouting */
#define AGENT_FORWARD_NFT_IP6 2u
#define AGENT_FORWARD_XFRM    4u /* IPsec policies (both families) */
#define AGENT_FORWARD_TC      8u /* qdiscs other than the defaults, or filters, on a NIC */

struct agent_forward {
	uint32_t flags;
	uint32_t pad;
};

#endif
