# SPDX-License-Identifier: Apache-2.0
weft_unit(control topology DEPS control)
weft_unit(control topology_diff DEPS control)
weft_unit(control ports_yml DEPS control)
weft_unit(control nics DEPS control)
