// TypeMap: at most one object of each type. SharedTypeMap: the same for all threads.
//
//   TypeMap         owner
//   SharedTypeMap   any thread
#pragma once

#include <memory>
#include <typeindex>
#include <utility>
#include <vector>

#include "core/base/mutex.h"

namespace nexus::core {

class TypeMap {
 public:
  // In place of the one that is there.
  template <typename T>
  T& set(T object) {
    auto made = std::make_shared<T>(std::move(object));
    T& reference = *made;
    put(typeid(T), std::move(made));
    return reference;
  }
  // Null when there is none.
  template <typename T>
  T* find() const {
    return static_cast<T*>(get(typeid(T)).get());
  }

 private:
  friend class SharedTypeMap;

  void put(std::type_index type, std::shared_ptr<void> object) {
    for (auto& entry : entries_) {
      if (entry.first == type) {
        entry.second.swap(object);
        return;
      }
    }
    entries_.emplace_back(type, std::move(object));
  }
  std::shared_ptr<void> get(std::type_index type) const {
    for (const auto& entry : entries_) {
      if (entry.first == type) return entry.second;
    }
    return nullptr;
  }

  // Few.
  std::vector<std::pair<std::type_index, std::shared_ptr<void>>> entries_;
};

class SharedTypeMap {
 public:
  // In place of the one that is there, which lives on as long as somebody holds it.
  template <typename T>
  void set(std::shared_ptr<T> object) {
    MutexLock lock(mutex_);
    map_.put(typeid(T), std::move(object));
  }
  // Null when there is none.
  template <typename T>
  std::shared_ptr<T> find() const {
    MutexLock lock(mutex_);
    return std::static_pointer_cast<T>(map_.get(typeid(T)));
  }

 private:
  mutable Mutex mutex_{"extensions"};
  TypeMap map_ GUARDED_BY(mutex_);
};

}  // namespace nexus::core
