# SPDX-License-Identifier: Apache-2.0
# Payloads: guests of one file each, without a system, as bzImages (and one as ELF with PVH).
set(payload_dir ${CMAKE_CURRENT_LIST_DIR})
set(payload_out ${CMAKE_BINARY_DIR}/payloads)
file(MAKE_DIRECTORY ${payload_out})
set(payload_flags -std=gnu17 -O1 -Wall -Wextra -Wno-unused-parameter -ffreestanding -fno-pic -no-pie
  -static -nostdlib -mno-red-zone -mgeneral-regs-only -mcmodel=small -fno-stack-protector
  -fcf-protection=none -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noexecstack
  -Wl,--no-warn-rwx-segments)

# payload(NAME FORMAT OUTPUT)
function(payload name format out)
  set(sources ${payload_dir}/${name}.c ${payload_dir}/lib.c ${payload_dir}/interrupts.c
    ${payload_dir}/virtio.c ${payload_dir}/start_${format}.S)
  set(elf ${payload_out}/${name}.${format}.elf)
  if(format STREQUAL bzimage)
    set(finish objcopy -O binary ${elf} ${payload_out}/${out})
  else()
    set(finish ${CMAKE_COMMAND} -E copy ${elf} ${payload_out}/${out})
  endif()
  add_custom_command(OUTPUT ${payload_out}/${out}
    COMMAND gcc ${payload_flags} -T ${payload_dir}/${format}.ld -o ${elf} ${sources}
    COMMAND ${finish}
    DEPENDS ${sources} ${payload_dir}/payload.h ${payload_dir}/${format}.ld)
  set_property(GLOBAL APPEND PROPERTY payloads ${payload_out}/${out})
endfunction()

foreach(name hello reset panic triple loop rng rings hostile smp clock net count saved generation
    balloon disk bad)
  payload(${name} bzimage ${name})
endforeach()
payload(hello pvh hello.pvh)
payload(speed pvh speed)
get_property(payloads GLOBAL PROPERTY payloads)
add_custom_target(payloads ALL DEPENDS ${payloads})
