# SPDX-License-Identifier: Apache-2.0
weft_pytest(unit schema TIMEOUT 60)
