# SPDX-License-Identifier: Apache-2.0
weft_pytest(unit rows TIMEOUT 60)
weft_pytest(unit numbered TIMEOUT 60)
