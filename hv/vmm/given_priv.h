/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_GIVEN_PRIV_H
#define HV_VMM_GIVEN_PRIV_H

/* Opens a file: "fd:N" is one that whoever started the process has opened already, with flags of his
 * own. The descriptor is the caller's; -errno. */
int given_open(const char *path, int flags);

#endif
