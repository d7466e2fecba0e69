// run_self(): this program once more, in a process of its own.
//
//   all calls   main thread
#pragma once

#include <string>
#include <vector>

namespace nexus::bench {

// Waits for its end and answers what it printed. Throws Broken when it did not end with 0.
std::string run_self(std::vector<std::string> arguments);

}  // namespace nexus::bench
