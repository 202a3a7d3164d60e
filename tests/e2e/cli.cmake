# SPDX-License-Identifier: Apache-2.0
weft_pytest(e2e cli TIMEOUT 60)
