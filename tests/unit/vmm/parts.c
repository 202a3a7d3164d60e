/* SPDX-License-Identifier: Apache-2.0 */
/* The small devices of a PC, and the command line. */
#include "tests/unit/test.h"

#include "hv/vmm/options_priv.h"
#include "hv/vmm/rtc_priv.h"
#include "hv/vmm/serial_priv.h"

#include <linux/serial_reg.h>
#include <string.h>
#include <time.h>

static char said[64];
static unsigned said_len, ready_count;
static bool level;

static void output(void *arg, uint8_t byte)
{
	said[said_len++] = (char)byte;
}

static void line(void *arg, bool up)
{
	level = up;
}

static void ready(void *arg)
{
	ready_count++;
}

static struct serial serial;

static int set_up(void **state)
{
	const struct serial_ops ops = { output, line, ready, NULL };

	serial_init(&serial, &ops);
	memset(said, 0, sizeof(said));
	said_len = ready_count = 0;
	level = false;
	return 0;
}

static void serial_says(void **state)
{
	assert_int_equal(serial_read(&serial, UART_LSR) & UART_LSR_THRE, UART_LSR_THRE);
	serial_write(&serial, UART_TX, 'h');
	assert_false(level);
	serial_write(&serial, UART_IER, UART_IER_THRI); /* nothing to send: that is news */
	assert_true(level);
	assert_int_equal(serial_read(&serial, UART_IIR) & 0x0f, UART_IIR_THRI);
	assert_false(level);
	serial_write(&serial, UART_TX, 'i');
	assert_true(level);
	assert_string_equal(said, "hi");
}

static void serial_hears(void **state)
{
	static const char text[SERIAL_FIFO + 10] = "abc";

	serial_write(&serial, UART_IER, UART_IER_RDI);
	assert_int_equal(serial_input(&serial, text, 3), 3);
	assert_true(level);
	assert_int_equal(serial_read(&serial, UART_IIR) & 0x0f, UART_IIR_RDI);
	assert_int_equal(serial_read(&serial, UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	assert_int_equal(serial_read(&serial, UART_RX), 'a');
	assert_int_equal(serial_read(&serial, UART_RX), 'b');
	assert_int_equal(ready_count, 0);
	assert_int_equal(serial_read(&serial, UART_RX), 'c');
	assert_int_equal(ready_count, 1);
	assert_false(level);
	assert_int_equal(serial_input(&serial, text, sizeof(text)), SERIAL_FIFO);
	serial_write(&serial, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_false(level);
	assert_int_equal(serial_read(&serial, UART_IIR) & 0xc0, 0xc0);
	assert_int_equal(ready_count, 2); /* there is room again, though nothing was read */
}

/* In a loop nothing is heard; what comes meanwhile waits for its end. */
static void serial_is_deaf_in_a_loop(void **state)
{
	serial_write(&serial, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(serial_input(&serial, "x", 1), 0);
	assert_int_equal(ready_count, 0);
	serial_write(&serial, UART_MCR, UART_MCR_RTS);
	assert_int_equal(ready_count, 1);
	assert_int_equal(serial_input(&serial, "x", 1), 1);
}

/* What a driver's probe looks for: the divisor, the scratch register, the loop. */
static void serial_is_found(void **state)
{
	serial_write(&serial, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	serial_write(&serial, UART_DLL, 12);
	serial_write(&serial, UART_DLM, 34);
	assert_int_equal(serial_read(&serial, UART_DLL), 12);
	assert_int_equal(serial_read(&serial, UART_DLM), 34);
	serial_write(&serial, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(serial_read(&serial, UART_IER), 0);
	serial_write(&serial, UART_SCR, 0x5a);
	assert_int_equal(serial_read(&serial, UART_SCR), 0x5a);
	serial_write(&serial, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(serial_read(&serial, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	serial_write(&serial, UART_TX, 'x');
	assert_int_equal(said_len, 0);
	assert_int_equal(serial_read(&serial, UART_RX), 'x');
}

static uint8_t rtc_at(struct rtc *r, uint8_t index)
{
	rtc_write(r, 0, index);
	return rtc_read(r, 1);
}

static int from_bcd(uint8_t v)
{
	return (v >> 4) * 10 + (v & 15);
}

static void rtc_tells_the_time(void **state)
{
	struct rtc r = { 0 };
	struct tm t = { 0 };
	time_t before = time(NULL), is;

	do { /* until a second has not ended in between */
		t.tm_sec = from_bcd(rtc_at(&r, 0));
		t.tm_min = from_bcd(rtc_at(&r, 2));
		t.tm_hour = from_bcd(rtc_at(&r, 4));
		t.tm_mday = from_bcd(rtc_at(&r, 7));
		t.tm_mon = from_bcd(rtc_at(&r, 8)) - 1;
		t.tm_year = from_bcd(rtc_at(&r, 9)) + from_bcd(rtc_at(&r, 0x32)) * 100 - 1900;
	} while (t.tm_sec != from_bcd(rtc_at(&r, 0)));
	is = timegm(&t);
	assert_true(is >= before && is <= time(NULL));
	assert_int_equal(rtc_at(&r, 0x0d), 0x80);
	assert_int_equal(rtc_at(&r, 0x0a) & 0x80, 0);
	rtc_write(&r, 0, 0x0b);
	rtc_write(&r, 1, 0x06); /* binary */
	assert_int_equal(rtc_at(&r, 9), t.tm_year % 100);
	rtc_write(&r, 0, 0x40);
	rtc_write(&r, 1, 0x99);
	assert_int_equal(rtc_at(&r, 0x40), 0x99);
}

static int nic(const char *text, struct vmm_nic *out)
{
	static char copy[256];

	strcpy(copy, text);
	return options_nic(copy, out, NULL);
}

static void nics(void **state)
{
	struct vmm_nic n;

	assert_int_equal(nic("mac=02:00:00:00:00:0a,local=/a,peer=/b,mtu=9000,carrier=off", &n), 0);
	assert_int_equal(n.mac[5], 10);
	assert_string_equal(n.local, "/a");
	assert_string_equal(n.peer, "/b");
	assert_int_equal(n.mtu, 9000);
	assert_false(n.carrier);
	assert_true(nic("mac=02:00:00:00:00,local=/a,peer=/b", &n) < 0);
	assert_true(nic("mac=02:00:00:00:00:0a,local=/a", &n) < 0);
	assert_true(nic("mac=02:00:00:00:00:0a,local=/a,peer=/b,mtu=67", &n) < 0);
	assert_true(nic("mac=02:00:00:00:00:0a,local=/a,peer=/b,colour=red", &n) < 0);
	assert_true(nic("mac=02:00:00:00:00:0a,local=/a,peer=/b,carrier=maybe", &n) < 0);
	assert_int_equal(nic("mac=02:00:00:00:00:0a,vhost-user=/v,queues=4", &n), 0);
	assert_string_equal(n.vhost_user, "/v");
	assert_int_equal(n.pairs, 4);
	assert_int_equal(nic("mac=02:00:00:00:00:0a,tap=t0", &n), 0);
	assert_string_equal(n.tap, "t0");
	assert_int_equal(n.pairs, 1);
	assert_int_equal(nic("queues=3,tap-fds=5:60:7,mac=02:00:00:00:00:0a", &n), 0);
	assert_int_equal(n.tap_fd_count, 3);
	assert_int_equal(n.tap_fds[1], 60);
	assert_true(nic("mac=02:00:00:00:00:0a,tap-fds=5:6", &n) < 0);
	assert_true(nic("mac=02:00:00:00:00:0a,tap-fds=5:", &n) < 0);
	assert_true(nic("mac=02:00:00:00:00:0a,tap-fds=-1", &n) < 0);
	assert_true(nic("mac=02:00:00:00:00:0a,queues=9,tap-fds=1:2:3:4:5:6:7:8:9", &n) < 0);
	assert_true(nic("mac=02:00:00:00:00:0a,tap=t0,vhost-user=/v", &n) < 0);
	assert_true(nic("mac=02:00:00:00:00:0a,tap=t0,queues=0", &n) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(serial_says, set_up), cmocka_unit_test_setup(serial_hears, set_up),
		cmocka_unit_test_setup(serial_is_deaf_in_a_loop, set_up),
		cmocka_unit_test_setup(serial_is_found, set_up), cmocka_unit_test(rtc_tells_the_time),
		cmocka_unit_test(nics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
