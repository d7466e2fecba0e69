#include "daemon/grpc_reflection_v1.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/support/server_callback.h>

#include <unordered_set>

#include "grpc/reflection/v1/reflection.grpc.pb.h"

namespace nexus::daemon {
namespace {

namespace pb = google::protobuf;
namespace v1 = grpc::reflection::v1;

void set_not_found(v1::ServerReflectionResponse& response, const std::string& what) {
  response.mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
  response.mutable_error_response()->set_error_message(what + " is not known");
}

void add_with_imports(const pb::FileDescriptor& file, std::unordered_set<std::string>& seen,
                      v1::FileDescriptorResponse& out) {
  if (!seen.insert(file.name()).second) return;
  pb::FileDescriptorProto proto;
  file.CopyTo(&proto);
  out.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i)
    add_with_imports(*file.dependency(i), seen, out);
}

void set_file(const pb::FileDescriptor* file, const std::string& what,
              v1::ServerReflectionResponse& response) {
  if (file == nullptr) {
    set_not_found(response, what);
    return;
  }
  std::unordered_set<std::string> seen;
  add_with_imports(*file, seen, *response.mutable_file_descriptor_response());
}

class ReflectionV1 final : public v1::ServerReflection::CallbackService {
 public:
  explicit ReflectionV1(std::vector<std::string> services) : services_(std::move(services)) {}

  grpc::ServerBidiReactor<v1::ServerReflectionRequest, v1::ServerReflectionResponse>*
  ServerReflectionInfo(grpc::CallbackServerContext*) override {
    auto stream = std::make_shared<Stream>(*this);
    stream->start();
    return stream.get();
  }

 private:
  // One request, one answer, in turn; gRPC holds it (self_) until OnDone().
  class Stream final
      : public grpc::ServerBidiReactor<v1::ServerReflectionRequest, v1::ServerReflectionResponse>,
        public std::enable_shared_from_this<Stream> {
   public:
    explicit Stream(const ReflectionV1& service) : service_(service) {}
    void start() {
      self_ = shared_from_this();
      StartRead(&request_);
    }
    void OnReadDone(bool ok) override {
      if (!ok) {
        Finish(grpc::Status::OK);
        return;
      }
      response_ = service_.answer(request_);
      StartWrite(&response_);
    }
    void OnWriteDone(bool ok) override {
      if (ok) {
        StartRead(&request_);
      } else {
        Finish(grpc::Status::CANCELLED);
      }
    }
    void OnDone() override { self_.reset(); }

   private:
    const ReflectionV1& service_;
    std::shared_ptr<Stream> self_;
    v1::ServerReflectionRequest request_;
    v1::ServerReflectionResponse response_;
  };

  v1::ServerReflectionResponse answer(const v1::ServerReflectionRequest& request) const {
    const pb::DescriptorPool& pool = *pb::DescriptorPool::generated_pool();
    v1::ServerReflectionResponse response;
    response.set_valid_host(request.host());
    *response.mutable_original_request() = request;
    switch (request.message_request_case()) {
      case v1::ServerReflectionRequest::kListServices:
        for (const std::string& name : services_) {
          response.mutable_list_services_response()->add_service()->set_name(name);
        }
        break;
      case v1::ServerReflectionRequest::kFileByFilename:
        set_file(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(),
                 response);
        break;
      case v1::ServerReflectionRequest::kFileContainingSymbol:
        set_file(pool.FindFileContainingSymbol(request.file_containing_symbol()),
                 request.file_containing_symbol(), response);
        break;
      case v1::ServerReflectionRequest::kFileContainingExtension: {
        const auto& wanted = request.file_containing_extension();
        const auto* type = pool.FindMessageTypeByName(wanted.containing_type());
        const auto* extension =
            type == nullptr ? nullptr : pool.FindExtensionByNumber(type, wanted.extension_number());
        set_file(extension == nullptr ? nullptr : extension->file(), wanted.containing_type(),
                 response);
        break;
      }
      case v1::ServerReflectionRequest::kAllExtensionNumbersOfType: {
        const std::string& name = request.all_extension_numbers_of_type();
        const auto* type = pool.FindMessageTypeByName(name);
        if (type == nullptr) {
          set_not_found(response, name);
          break;
        }
        std::vector<const pb::FieldDescriptor*> extensions;
        pool.FindAllExtensions(type, &extensions);
        auto* numbers = response.mutable_all_extension_numbers_response();
        numbers->set_base_type_name(name);
        for (const auto* extension : extensions) numbers->add_extension_number(extension->number());
        break;
      }
      case v1::ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
        response.mutable_error_response()->set_error_code(grpc::StatusCode::INVALID_ARGUMENT);
        response.mutable_error_response()->set_error_message("the request asks for nothing");
        break;
    }
    return response;
  }

  const std::vector<std::string> services_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_reflection_v1(std::vector<std::string> services) {
  return std::make_shared<ReflectionV1>(std::move(services));
}

}  // namespace nexus::daemon
