/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/rtc_priv.h"

#include <time.h>

enum {
	SECONDS = 0, MINUTES = 2, HOURS = 4, WEEKDAY = 6, DAY, MONTH, YEAR, REG_A, REG_B, REG_C, REG_D,
	CENTURY = 0x32,
	DIVIDER_ON = 0x26, MODE_24H = 0x02, MODE_BINARY = 0x04, MODE_SETTABLE = 0x06, VALID = 0x80,
};

static uint8_t in_mode(const struct rtc *r, int value)
{
	return (uint8_t)(r->memory[REG_B] & MODE_BINARY ? value : value / 10 << 4 | value % 10);
}

static uint8_t clock_register(const struct rtc *r, unsigned index, const struct tm *t)
{
	switch (index) {
	case SECONDS:
		return in_mode(r, t->tm_sec);
	case MINUTES:
		return in_mode(r, t->tm_min);
	case HOURS:
		return in_mode(r, t->tm_hour);
	case WEEKDAY:
		return in_mode(r, t->tm_wday + 1);
	case DAY:
		return in_mode(r, t->tm_mday);
	case MONTH:
		return in_mode(r, t->tm_mon + 1);
	case YEAR:
		return in_mode(r, t->tm_year % 100);
	default:
		return in_mode(r, 19 + t->tm_year / 100);
	}
}

uint8_t rtc_read(struct rtc *r, unsigned reg)
{
	time_t now = time(NULL);
	struct tm t;

	if (reg == 0)
		return 0xff; /* the index cannot be read */
	switch (r->index) {
	case SECONDS:
	case MINUTES:
	case HOURS:
	case WEEKDAY ... YEAR:
	case CENTURY:
		gmtime_r(&now, &t);
		return clock_register(r, r->index, &t);
	case REG_A:
		return DIVIDER_ON;
	case REG_B:
		return r->memory[REG_B] | MODE_24H;
	case REG_C:
		return 0;
	case REG_D:
		return VALID;
	default:
		return r->memory[r->index];
	}
}

void rtc_write(struct rtc *r, unsigned reg, uint8_t value)
{
	if (reg == 0)
		r->index = value & 0x7f;
	else if (r->index == REG_B)
		r->memory[REG_B] = value & MODE_SETTABLE;
	else
		r->memory[r->index] = value;
}
