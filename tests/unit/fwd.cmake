# SPDX-License-Identifier: Apache-2.0
weft_pytest(unit fwd TIMEOUT 60)
