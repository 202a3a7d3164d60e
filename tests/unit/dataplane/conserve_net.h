/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_DATAPLANE_CONSERVE_NET_H
#define TESTS_UNIT_DATAPLANE_CONSERVE_NET_H

/* Requests about vnets: records are added, then all are asked for at once. */

#include "tests/unit/dataplane/conserve.h"

enum { ROUTER1 = 1, ROUTER2, BRIDGE, HOST1, HOST2, HOST3, WIRES, NODES = WIRES };
enum { NH_PUNT = 11, NH_DROP, NH_LOCAL, NH_GROUP, NHS = NH_GROUP };
enum { MBIT = 1000000, RATE = 20 * MBIT };

void add(uint16_t op, void *record, size_t len);
int ask(void); /* the reply's status; its sentence: ask_error() */
const char *ask_error(void);
void ask_must(void);

uint32_t id_of(const struct net *net, unsigned k);
void add_vnet(struct net *net); /* of any weight and guarantee */
void add_node(struct net *net, unsigned k, uint32_t flags);
void add_id(uint16_t op, uint32_t id);
struct dp_port port_rec(struct net *net, unsigned k); /* as it is in the beginning */
void add_port(struct net *net, unsigned k);
void add_link(struct net *net, unsigned k, uint32_t flags);
void add_impair(struct net *net, unsigned k); /* any, of what the port sends */
void add_nh(struct net *net, unsigned router, unsigned id, uint32_t kind);
void add_nhs(struct net *net, unsigned router);
void add_routes(struct net *net, unsigned router, unsigned n); /* any, or less of them */
int64_t port_copies(struct port *port);

#endif
