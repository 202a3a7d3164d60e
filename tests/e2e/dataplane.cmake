# SPDX-License-Identifier: Apache-2.0
weft_pytest(e2e engine TIMEOUT 120 LABELS functional)
