# SPDX-License-Identifier: Apache-2.0
weft_unit(control base64 DEPS control)
weft_unit(control store DEPS control)
