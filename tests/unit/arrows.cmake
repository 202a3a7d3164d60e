# SPDX-License-Identifier: Apache-2.0
weft_pytest(unit arrows TIMEOUT 30)
weft_pytest(unit calls TIMEOUT 30)
