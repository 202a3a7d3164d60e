# SPDX-License-Identifier: Apache-2.0
weft_fuzz(tape DEPS base)
