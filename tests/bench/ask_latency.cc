// How long does an ask take through a node that does not host the actor, and how many thread wake-ups are in it?
//
//   ask_latency --node HOST:PORT --pid HOST:PORT/ID [--count N] [--process PID]...
//
// Asks one after the other over one connection, after a tenth as many to warm up. Prints one JSON object: the time of a call in
// microseconds, as the client sees it; how often a thread went to sleep per call, in the processes named and in this one; what one
// wake-up takes here, measured by itself, of a thread on another processor and on the same; and what share of the median so many
// wake-ups on another processor would be, one after the other.

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
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

// A word that one thread sets and another one sleeps on: a futex alone, without the spinning of std::atomic::wait().
class Bell {
 public:
  void ring() {
    word_.store(1, std::memory_order_release);
    syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void wait() {
    while (word_.exchange(0, std::memory_order_acquire) == 0) {
      syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

// The processors that this process may use.
std::vector<int> processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<int> found;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) found.push_back(cpu);
  }
  return found;
}

void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

// Microseconds from ringing to running: half the median round of two threads that wake each other, each on its processor.
double wake_up_us(int cpu, int other_cpu) {
  constexpr int kRoundCount = 2'000;
  Bell there;
  Bell back;
  std::vector<double> rounds;
  std::thread one([&] {
    stay_on(cpu);
    for (int i = 0; i < kRoundCount; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      there.ring();
      back.wait();
      const auto end = std::chrono::steady_clock::now();
      rounds.push_back(std::chrono::duration<double, std::micro>(end - begin).count());
    }
  });
  std::thread other([&] {
    stay_on(other_cpu);
    for (int i = 0; i < kRoundCount; ++i) {
      there.wait();
      back.ring();
    }
  });
  one.join();
  other.join();
  std::nth_element(rounds.begin(), rounds.begin() + kRoundCount / 2, rounds.end());
  return rounds[kRoundCount / 2] / 2;
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
  std::uint64_t own_sleeps_before = 0;
  for (std::size_t i = 0; i < warm_up + count; ++i) {
    if (i == warm_up) {
      sleeps_before = sleeps_of_all(processes);
      own_sleeps_before = sleeps_of("self");
    }
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
  const auto per_ask = [count](std::uint64_t total) {
    return static_cast<double>(total) / static_cast<double>(count);
  };
  const double own_sleeps = per_ask(sleeps_of("self") - own_sleeps_before);
  const double sleeps = per_ask(sleeps_of_all(processes) - sleeps_before);
  const std::vector<int> cpus = processors();
  const double wake_up = wake_up_us(cpus.front(), cpus.back());
  const double wake_up_same_cpu = wake_up_us(cpus.front(), cpus.front());
  std::sort(microseconds.begin(), microseconds.end());
  std::cout << "{\"bench\":\"ask_latency\",\"count\":" << count
            << ",\"unit\":\"us\",\"median\":" << microseconds[count / 2]
            << ",\"min\":" << microseconds.front() << ",\"p99\":" << microseconds[count * 99 / 100]
            << ",\"max\":" << microseconds.back() << ",\"sleeps_per_ask\":" << sleeps
            << ",\"client_sleeps_per_ask\":" << own_sleeps << ",\"wake_up\":" << wake_up
            << ",\"wake_up_same_cpu\":" << wake_up_same_cpu
            << ",\"wake_up_share\":" << (sleeps + own_sleeps) * wake_up / microseconds[count / 2]
            << "}\n";
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
