# SPDX-License-Identifier: Apache-2.0
weft_fuzz(dp_api DEPS dataplane LINK dp_lab)
weft_fuzz(dp_frame DEPS dataplane LINK dp_lab)
weft_fuzz(dp_offload DEPS dataplane LINK dp_lab)
