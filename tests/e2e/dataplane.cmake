# SPDX-License-Identifier: Apache-2.0
weft_pytest(e2e engine TIMEOUT 120 LABELS functional)
weft_pytest(e2e asleep TIMEOUT 60 LABELS functional)
