#include "tests/sim/models/swim_model.h"

#include "tests/sim/models/swim_process.h"

namespace nexus::sim {
namespace {

class SwimModel final : public Model {
 public:
  Traits traits() const override {
    return {.description = "a model of SWIM with Lifeguard, with memberlist's LAN constants"};
  }
  std::unique_ptr<Process> make(Env& env, std::uint32_t node_count_max) override {
    return std::make_unique<SwimProcess>(env, node_count_max);
  }
};

}  // namespace

std::unique_ptr<Model> make_swim_model() { return std::make_unique<SwimModel>(); }

}  // namespace nexus::sim
