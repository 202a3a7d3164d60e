/* SPDX-License-Identifier: Apache-2.0 */
/* Debian's gdb as it is, at a machine that is none. */
#include "tests/unit/gdb/machine.h"
#include "tests/unit/test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/weft-gdb.XXXXXX";
static char path[64], said[16384];

static int setup(void **state)
{
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	rmdir(dir);
	return 0;
}

static int listener(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* gdb with the script on its standard input; what it says is in *from. */
static pid_t start_gdb(const char *script, int *from)
{
	int in[2], output[2];
	pid_t pid;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(output), 0);
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(output[1], 1);
		dup2(output[1], 2);
		close(in[1]);
		close(output[0]);
		execlp("gdb", "gdb", "-nx", "-q", NULL);
		_exit(127);
	}
	close(in[0]);
	close(output[1]);
	assert_int_equal(write(in[1], script, strlen(script)), strlen(script));
	close(in[1]);
	*from = output[0];
	return pid;
}

static void serve(int client, struct machine *m)
{
	struct gdb *g = gdb_create(&machine_ops, m, MACHINE_CPUS);
	struct buf out = { 0 };
	uint8_t bytes[4096];
	ssize_t n;
	bool more = true;

	while (more && (n = read(client, bytes, sizeof(bytes))) > 0) {
		more = gdb_input(g, bytes, (size_t)n, &out);
		machine_run(m, g, &out);
		assert_false(out.bad);
		assert_int_equal(write(client, out.data, out.len), out.len);
		buf_reset(&out);
	}
	gdb_destroy(g);
	buf_free(&out);
}

static void session(void **state)
{
	static struct machine m;
	int listening = listener(), from, client, status;
	char script[1024];
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	machine_init(&m);
	snprintf(script, sizeof(script),
		 "target remote %s\nshow architecture\ninfo threads\np/x $rax\np/x $gs_base\n"
		 "x/4xb 0x1000\nset var *(char *)0x1001 = 0x55\nset $rbx = 0x1234567\n"
		 "break *0x1010\ncontinue\np/x $rip\nstepi\np/x $rip\nthread 1\np/x $rbx\n"
		 "p *(int *)0\ndetach\n", path);
	pid = start_gdb(script, &from);
	client = accept(listening, NULL, NULL);
	assert_true(client >= 0);
	serve(client, &m);
	close(client);
	while (len < sizeof(said) - 1 && (n = read(from, said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	print_message("%s\n", said);
	assert_int_equal(status, 0);
	assert_non_null(strstr(said, "i386:x86-64"));
	assert_non_null(strstr(said, "(CPU 1)"));
	assert_non_null(strstr(said, "= 0x1000\n"));
	assert_non_null(strstr(said, "0x00\t0x07\t0x0e\t0x15"));
	assert_non_null(strstr(said, "= 0x1010\n"));
	assert_non_null(strstr(said, "= 0x1011\n"));
	assert_non_null(strstr(said, "= 0x1234567\n"));
	assert_non_null(strstr(said, "Cannot access memory at address 0x0"));
	assert_int_equal(m.memory[1], 0x55);
	assert_int_equal(m.regs[0].general[1], 0x1234567);
	assert_int_equal(m.regs[1].rip, 0x1011);
	assert_int_equal(m.point_count, 0);
	close(from);
	close(listening);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(session) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
