// Table: rows under a header, columns aligned, two blanks between them. Pure; one thread.
#pragma once

#include <string>
#include <vector>

namespace nexus::cli {

// `text` with blanks for control characters: it cannot break its line or speak to the terminal.
std::string printable(std::string text);

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns. Control characters become blanks; an empty cell shows as
  // '-'.
  void add(std::vector<std::string> cells);

  // Header and rows, each ended by a newline, without blanks at the end of a line.
  std::string text() const;

 private:
  const std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace nexus::cli
