// How long does an ask take through a node that does not host the actor, and how many thread wake-ups are in it?
//
//   ask_latency --node HOST:PORT --pid HOST:PORT/ID [--count N] [--process PID]...
//
// Asks one after the other over one connection, after a tenth as many to warm up. Prints one JSON object: the time of a call in
// microseconds, as the client sees it, and, for the processes named, how often a thread of theirs went to sleep per call.

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "nexus/v1/actor_service.grpc.pb.h"

namespace {

// Voluntary context switches of all threads of a process since they began.
std::uint64_t sleeps_of(const std::string& process) {
  std::uint64_t total = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + process + "/task")) {
    std::ifstream status(task.path() / "status");
    std::string word;
    while (status >> word) {
      if (word != "voluntary_ctxt_switches:") continue;
      std::uint64_t count = 0;
      status >> count;
      total += count;
    }
  }
  return total;
}

std::uint64_t sleeps_of_all(const std::vector<std::string>& processes) {
  std::uint64_t total = 0;
  for (const std::string& process : processes) total += sleeps_of(process);
  return total;
}

int run(int argc, char** argv) {
  std::string node;
  std::string pid;
  std::size_t count = 100;
  std::vector<std::string> processes;
  CLI::App app("Time of an ask over gRPC, one after the other");
  app.add_option("--node", node, "node that is called")->required();
  app.add_option("--pid", pid, "actor that is asked")->required();
  app.add_option("--count", count)->check(CLI::Range(1, 1'000'000));
  app.add_option("--process", processes, "count the sleeps of this process");
  CLI11_PARSE(app, argc, argv);

  const auto stub = nexus::v1::ActorService::NewStub(
      grpc::CreateChannel(node, grpc::InsecureChannelCredentials()));
  nexus::v1::AskRequest request;
  request.set_pid(pid);
  request.mutable_message()->set_data("{}");
  std::vector<double> microseconds;
  const std::size_t warm_up = std::max<std::size_t>(1, count / 10);
  std::uint64_t sleeps_before = 0;
  for (std::size_t i = 0; i < warm_up + count; ++i) {
    if (i == warm_up) sleeps_before = sleeps_of_all(processes);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    nexus::v1::AskResponse response;
    const auto begin = std::chrono::steady_clock::now();
    const grpc::Status status = stub->Ask(&context, request, &response);
    const auto end = std::chrono::steady_clock::now();
    if (!status.ok()) {
      std::cerr << "ask failed: " << status.error_message() << "\n";
      return 1;
    }
    if (i >= warm_up) {
      microseconds.push_back(std::chrono::duration<double, std::micro>(end - begin).count());
    }
  }
  const double sleeps = static_cast<double>(sleeps_of_all(processes) - sleeps_before);
  std::sort(microseconds.begin(), microseconds.end());
  std::cout << "{\"bench\":\"ask_latency\",\"count\":" << count
            << ",\"unit\":\"us\",\"median\":" << microseconds[count / 2]
            << ",\"min\":" << microseconds.front() << ",\"p99\":" << microseconds[count * 99 / 100]
            << ",\"max\":" << microseconds.back()
            << ",\"sleeps_per_ask\":" << sleeps / static_cast<double>(count) << "}\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << exception.what() << "\n";
  }
  return 1;
}
