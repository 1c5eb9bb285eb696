// The short way from Python into a compiled entry: exact torch tensors in, fresh torch tensors out. Whatever is not
// plainly so (another class, strides, device or shape; a failure before the program began) is declined with None, and
// the long way in support/native.py converts it or names what is wrong. CPython's stable ABI, so that one build serves
// every version.
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "dense.h"
#include "exchange_api.h"
#include "stepwell/runtime.h"

namespace {

constexpr int kMostTensors = 64;  // of one kind; an entry with more goes the long way

using Run = decltype(&sw_session_run_with);

enum Held {
  kTensorType,  // torch.Tensor itself
  kMake,        // for each output the arguments of `empty`, or None where only the program knows the shape
  kEmpty,       // torch.empty
  kAllocate,    // (index, sizes) -> a tensor for an output of such a shape
  kRaise,       // raises what a status stands for
  kHeld
};

struct DirectCall {
  PyObject_HEAD
  Run run;
  const DLPackExchangeAPI *tensors;
  sw_session *session;
  uint32_t entry;
  int n_inputs, n_outputs;
  PyObject *held[kHeld];
};

// The results of one call, as the program asks for them.
struct Results {
  DirectCall *call;
  PyObject *tuple;
};

bool is_empty(const DLTensor &tensor) {
  for (int32_t i = 0; i < tensor.ndim; ++i)
    if (tensor.shape[i] == 0) return true;
  return false;
}

// Whether the tensor's values are the negatives of what its memory holds. Only floating-point views can be so.
bool is_negative_view(PyObject *tensor, const DLTensor &described) {
  if (described.dtype.code != kDLFloat) return false;
  PyObject *answer = PyObject_CallMethod(tensor, "is_neg", nullptr);
  const bool negative = !answer || PyObject_IsTrue(answer) != 0;
  Py_XDECREF(answer);
  return negative;
}

bool describe_input(const DirectCall *call, PyObject *value, DLTensor *described) {
  if (reinterpret_cast<PyObject *>(Py_TYPE(value)) != call->held[kTensorType]) return false;
  if (call->tensors->dltensor_from_py_object_no_sync(value, described) != 0) return false;
  if (described->device.device_type != kDLCPU || described->dtype.code == kDLComplex) return false;
  if (is_empty(*described)) return true;
  return described->data && stepwell::is_dense(described) && !is_negative_view(value, *described);
}

// A fresh tensor for output `index`, described; a new reference goes into the tuple.
bool make_output(const DirectCall *call, PyObject *tuple, int index, DLTensor *described) {
  PyObject *arguments = PyTuple_GetItem(call->held[kMake], index);
  if (arguments == Py_None) {
    described->data = nullptr;
    described->shape = nullptr;
    Py_INCREF(Py_None);
    return PyTuple_SetItem(tuple, index, Py_None) == 0;
  }
  PyObject *tensor = PyObject_Call(call->held[kEmpty], PyTuple_GetItem(arguments, 0), PyTuple_GetItem(arguments, 1));
  if (!tensor || PyTuple_SetItem(tuple, index, tensor) != 0) return false;
  alignas(64) static char nowhere;  // for a tensor without elements: never read or written
  if (call->tensors->dltensor_from_py_object_no_sync(tensor, described) != 0) return false;
  if (!described->data) described->data = &nowhere;
  described->strides = nullptr;  // dense
  return true;
}

// Called by the running program, with the interpreter's lock released. An exception stays set until the run has ended.
void *allocate_output(void *user, uint32_t output, int32_t rank, const int64_t *sizes, uint64_t) {
  auto *results = static_cast<Results *>(user);
  const PyGILState_STATE lock = PyGILState_Ensure();
  void *memory = nullptr;
  PyObject *shape = PyTuple_New(rank);
  for (int32_t i = 0; shape && i < rank; ++i) PyTuple_SetItem(shape, i, PyLong_FromLongLong(sizes[i]));
  PyObject *tensor =
      shape ? PyObject_CallFunction(results->call->held[kAllocate], "IO", output, shape) : nullptr;
  Py_XDECREF(shape);
  DLTensor described;
  if (tensor && PyTuple_SetItem(results->tuple, output, tensor) == 0 &&
      results->call->tensors->dltensor_from_py_object_no_sync(tensor, &described) == 0)
    memory = described.data;
  PyGILState_Release(lock);
  return memory;
}

PyObject *declined() {
  PyErr_Clear();
  Py_RETURN_NONE;
}

PyObject *failed(const DirectCall *call, int status) {
  if (PyErr_Occurred()) return nullptr;
  PyObject *nothing = PyObject_CallFunction(call->held[kRaise], "i", status);
  if (nothing) PyErr_SetString(PyExc_RuntimeError, "a failed call raised nothing");
  Py_XDECREF(nothing);
  return nullptr;
}

PyObject *call_entry(DirectCall *call, PyObject *args, PyObject *results) {
  DLTensor described[2 * kMostTensors];
  DLTensor *inputs[kMostTensors], *outputs[kMostTensors];
  for (int i = 0; i < call->n_inputs; ++i) {
    inputs[i] = &described[i];
    if (!describe_input(call, PyTuple_GetItem(args, i), inputs[i])) return declined();
  }
  for (int i = 0; i < call->n_outputs; ++i) {
    outputs[i] = &described[kMostTensors + i];
    if (!make_output(call, results, i, outputs[i])) return declined();
  }
  Results pending{call, results};
  PyThreadState *state = PyEval_SaveThread();
  const int status = call->run(call->session, call->entry, inputs, static_cast<uint32_t>(call->n_inputs), outputs,
                               static_cast<uint32_t>(call->n_outputs), allocate_output, &pending);
  PyEval_RestoreThread(state);
  if (status == SW_ERROR_INPUT) return declined();
  if (status) return failed(call, status);
  Py_INCREF(results);
  return results;
}

PyObject *direct_call(PyObject *self, PyObject *args, PyObject *keywords) {
  auto *call = reinterpret_cast<DirectCall *>(self);
  if ((keywords && PyDict_Size(keywords) != 0) || PyTuple_Size(args) != call->n_inputs) Py_RETURN_NONE;
  PyObject *results = PyTuple_New(call->n_outputs);
  if (!results) return nullptr;
  PyObject *returned = call_entry(call, args, results);
  Py_DECREF(results);
  return returned;
}

PyObject *direct_new(PyTypeObject *type, PyObject *args, PyObject *) {
  PyObject *run, *session, *api, *tensor_type, *make, *empty, *allocate, *raise;
  unsigned int entry;
  int n_inputs;
  if (!PyArg_ParseTuple(args, "OOIiOOO!OOO", &run, &session, &entry, &n_inputs, &api, &tensor_type, &PyTuple_Type, &make,
                        &empty, &allocate, &raise))
    return nullptr;
  const Py_ssize_t n_outputs = PyTuple_Size(make);
  if (n_inputs > kMostTensors || n_outputs > kMostTensors) {
    PyErr_Format(PyExc_ValueError, "a direct call takes up to %d inputs and outputs", kMostTensors);
    return nullptr;
  }
  const auto *tensors = static_cast<const DLPackExchangeAPI *>(PyCapsule_GetPointer(api, "dlpack_exchange_api"));
  if (!tensors) return nullptr;
  if (tensors->header.version.major != 1) {
    PyErr_SetString(PyExc_ValueError, "PyTorch has another version of DLPack's exchange interface");
    return nullptr;
  }
  auto *call = reinterpret_cast<DirectCall *>(PyType_GenericAlloc(type, 0));
  if (!call) return nullptr;
  call->run = reinterpret_cast<Run>(PyLong_AsVoidPtr(run));
  call->session = static_cast<sw_session *>(PyLong_AsVoidPtr(session));
  call->tensors = tensors;
  call->entry = entry;
  call->n_inputs = n_inputs;
  call->n_outputs = static_cast<int>(n_outputs);
  PyObject *values[kHeld] = {tensor_type, make, empty, allocate, raise};
  for (int i = 0; i < kHeld; ++i) {
    Py_INCREF(values[i]);
    call->held[i] = values[i];
  }
  if (PyErr_Occurred()) {
    Py_DECREF(call);
    return nullptr;
  }
  return reinterpret_cast<PyObject *>(call);
}

void direct_dealloc(PyObject *self) {
  auto *call = reinterpret_cast<DirectCall *>(self);
  for (PyObject *value : call->held) Py_XDECREF(value);
  PyTypeObject *type = Py_TYPE(self);
  auto *release = reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free));
  release(self);
  Py_DECREF(type);
}

PyType_Slot kSlots[] = {
    {Py_tp_new, reinterpret_cast<void *>(direct_new)},
    {Py_tp_dealloc, reinterpret_cast<void *>(direct_dealloc)},
    {Py_tp_call, reinterpret_cast<void *>(direct_call)},
    {Py_tp_doc, const_cast<char *>("One entry of a session, called with torch tensors; None where it declines.")},
    {0, nullptr},
};
PyType_Spec kSpec = {"stepwell._direct_call.DirectCall", sizeof(DirectCall), 0, Py_TPFLAGS_DEFAULT, kSlots};
PyModuleDef kModule = {PyModuleDef_HEAD_INIT, "_direct_call", nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__direct_call() {
  PyObject *module = PyModule_Create(&kModule);
  if (!module) return nullptr;
  PyObject *type = PyType_FromSpec(&kSpec);
  if (!type || PyModule_AddObjectRef(module, "DirectCall", type) != 0) {
    Py_XDECREF(type);
    Py_DECREF(module);
    return nullptr;
  }
  Py_DECREF(type);
  return module;
}
