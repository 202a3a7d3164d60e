/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_RTC_PRIV_H
#define HV_VMM_RTC_PRIV_H

/* The PC's clock and its memory (MC146818, ports 0x70 and 0x71): tells the host's time in UTC, which
 * a guest cannot set, and keeps no alarms. Under the machine's lock. */

#include <stdint.h>

struct rtc {
	uint8_t index;
	uint8_t memory[128];
};

uint8_t rtc_read(struct rtc *r, unsigned reg); /* 0: index, 1: data */
void rtc_write(struct rtc *r, unsigned reg, uint8_t value);

#endif
