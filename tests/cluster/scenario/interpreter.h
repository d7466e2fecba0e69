// Interpreter: carries out the commands of scenario scripts. Owner only.
//
//   option policy=static-quorum quorum=3     of the nodes that start afterwards: policy, quorum, name (of the cluster), history (cuts kept)
//   seeds n1 n2 n3                           of the nodes that start afterwards
//   show alert vote                          what is said that is traced, by kind or family; none: only what happens at nodes
//   cluster n1 n2 n3                         these have founded a cluster
//   start n4                                 a process; where there is one already, it is the next run of that node
//   crash n3 [silently]                      its host refuses connections; silently: it says nothing
//   pause n3, resume n3                      a process stands still, and goes on
//   leave n2, put n1 KEY VALUE, tell n4 n1   tell: an operator says that there is a cluster
//   force n1 keep n1 n2                      an operator goes on with these
//   cut [KIND...] n1 n2 | n3 n4              messages between the two groups are lost; "n1 -> n2" only those in that direction;
//   hold [KIND...] n1 -> n2                  "all" is all nodes so far. hold: they wait
//   deliver, drop [KIND...] n1 -> n2         what is held
//   heal                                     ends cut and hold; what is held stays so
//   run 2s                                   or 300ms
//   run until n1 n2 agree [within 10s]       they have one view, of just them; also: are frozen, are out, send KIND; at most 60 s
//   members, state                           in which view each is; what each knows of the members' keys
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "tests/cluster/scenario/cluster.h"

namespace nexus::cluster::scenario {

class Interpreter {
 public:
  // What came of these commands. The error names the command that is unknown or cannot be carried out, or that waited in vain.
  [[nodiscard]] core::Result<std::vector<std::string>> carry_out(
      const std::vector<std::string>& commands);

 private:
  using Words = std::span<const std::string>;
  // An empty text when the command was carried out.
  using Command = std::string (Interpreter::*)(Words);

  std::string carry_out(const std::string& command);
  std::string option(Words words);
  std::string seeds(Words words);
  std::string show(Words words);
  std::string cluster(Words words);
  std::string start(Words words);
  std::string crash(Words words);
  std::string pause(Words words);
  std::string resume(Words words);
  std::string leave(Words words);
  std::string put(Words words);
  std::string tell(Words words);
  std::string force(Words words);
  std::string cut(Words words);
  std::string hold(Words words);
  std::string deliver(Words words);
  std::string drop(Words words);
  std::string heal(Words words);
  std::string run(Words words);
  std::string run_until(Words words);
  std::string members(Words words);
  std::string state(Words words);

  std::optional<Selector> selector(Words words) const;
  bool all_run(Words names);

  Trace trace_;
  Cluster cluster_{trace_};
};

}  // namespace nexus::cluster::scenario
