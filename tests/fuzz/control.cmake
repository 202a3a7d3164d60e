# SPDX-License-Identifier: Apache-2.0
weft_fuzz(api DEPS control)
weft_fuzz(capture_request DEPS control)
weft_fuzz(user DEPS control)
