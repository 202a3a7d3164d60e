/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "hv/vmm/control_priv.h"
#include "hv/vmm/options_priv.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <jansson.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <time.h>

struct program {
	struct event_base *base;
	struct vmm *m;
	struct control *control;
	enum vmm_end end;
};

static void ended(void *arg, enum vmm_end end, const char *why)
{
	struct program *p = arg;

	p->end = end;
	log_info("the machine has ended: %s%s%s", vmm_end_name(end), *why ? ": " : "", why);
	if (p->control)
		control_ended(p->control, end, why);
	event_base_loopbreak(p->base);
}

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
	struct program *p = arg;

	vmm_stop(p->m);
}

static void serve(struct program *p, const struct options *o)
{
	struct event *term = evsignal_new(p->base, SIGTERM, on_signal, p);
	struct event *interrupt = evsignal_new(p->base, SIGINT, on_signal, p);

	evsignal_add(term, NULL);
	evsignal_add(interrupt, NULL);
	if (p->control)
		control_serve(p->control, p->m);
	if (!o->paused)
		vmm_run(p->m);
	event_base_dispatch(p->base);
	event_free(term);
	event_free(interrupt);
}

static int exit_status(enum vmm_end end)
{
	return end == VMM_FAILED ? 1 : end == VMM_CRASHED ? 3 : 0;
}

#ifdef __SANITIZE_ADDRESS__
/* At the ends of threads and of the process it would make calls that the filters do not leave. */
const char *__asan_default_options(void)
{
	return "use_sigaltstack=0:detect_leaks=0";
}
#endif

/* Nothing is opened from here on; what libraries would, when they are first used, is now. */
static int confine(const struct vmm *m, struct err *err)
{
	tzset();
	json_object_seed(0);
	return vmm_confine(m, err);
}

int main(int argc, char **argv)
{
	struct program p = { 0 };
	struct options o;
	struct err err = { "" };
	int code = options_parse(argc, argv, &o);

	if (code != OPTIONS_OK)
		return code;
	log_init("weft-vmm", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	evthread_use_pthreads();
	p.base = event_base_new();
	code = o.control ? control_create(p.base, o.control, &p.control, &err) : 0;
	if (!code)
		code = vmm_create(p.base, &o.vmm, ended, &p, &p.m, &err);
	if (!code)
		code = confine(p.m, &err);
	if (code)
		log_error("%s", err.text);
	else
		serve(&p, &o);
	control_destroy(p.control);
	vmm_destroy(p.m);
	event_base_free(p.base);
	return code ? 1 : exit_status(p.end);
}
