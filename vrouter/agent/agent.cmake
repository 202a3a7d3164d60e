# SPDX-License-Identifier: Apache-2.0
# The agent runs in guests, without any library: static, and never with sanitizers, which cannot
# be. It takes what it needs of base/ as sources, since the library itself links shared ones.
set(agent_dir ${CMAKE_CURRENT_LIST_DIR})
weft_executable(weft-agent SOURCES
  ${agent_dir}/main.c ${agent_dir}/loop.c ${agent_dir}/port.c ${agent_dir}/host.c
  ${agent_dir}/exec.c ${agent_dir}/renew.c ${agent_dir}/netlink.c ${agent_dir}/routes.c ${agent_dir}/forward.c
  ${agent_dir}/rules.c ${agent_dir}/nics.c ${agent_dir}/vty.c
  ${PROJECT_SOURCE_DIR}/base/buf.c ${PROJECT_SOURCE_DIR}/base/rd.c)
target_compile_options(weft-agent PRIVATE -Os -fno-sanitize=all)
target_link_options(weft-agent PRIVATE -static -fno-sanitize=all)

# The framing is the host's too.
target_sources(weft_vrouter PRIVATE ${agent_dir}/host.c)
