// A node with a kind of its own, as small as it gets: answers JSON with JSON.
#include "daemon/node.h"

class Greeter : public nexus::core::Actor {
 public:
  void receive(nexus::core::Context& context) override {
    if (const auto* name = context.message<nexus::core::Payload>()) {
      context.respond(nexus::core::Payload::json("{\"hello\":" + name->data + "}"));
    }
  }
};

int main(int argc, char** argv) {
  nexus::Node node;
  node.add_kind("greeter", nexus::core::props<Greeter>(), "greets");
  return node.run(argc, argv);
}
