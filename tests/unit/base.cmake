# SPDX-License-Identifier: Apache-2.0
weft_unit(base hash DEPS base)
weft_unit(base rd DEPS base)
weft_unit(base file DEPS base)
weft_unit(base tape DEPS base)
