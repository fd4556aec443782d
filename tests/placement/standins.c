/* The CUDA calls whose answer matters while a session is created or run. Every other one that the provider needs is
   generated to return 0 (success), see standins.py. Memory of the "device" is the host's; kernels are never computed,
   only counted. While a stream records a graph, calls that wait, allocate or copy in order with everything else are
   refused from any thread, as CUDA refuses them in its global mode of capture; `standin_counts` says how often. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The head of cudaDeviceProp, CUDA 13: what describes an H100. */
struct device_properties {
    char name[256];
    char uuid[16], luid[8];
    unsigned luid_device_node_mask;
    size_t total_global_memory, shared_memory_per_block;
    int registers_per_block, warp_size;
    size_t memory_pitch;
    int threads_per_block, threads_per_dimension[3], grid_size[3];
    size_t constant_memory;
    int major, minor;
    size_t texture_alignment, texture_pitch_alignment;
    int multiprocessors;
};

int cudaGetDeviceProperties(struct device_properties *p, int device) {
    (void)device;
    *p = (struct device_properties){
        .name = "stand-in", .total_global_memory = (size_t)16 << 30, .shared_memory_per_block = 49152,
        .registers_per_block = 65536, .warp_size = 32, .memory_pitch = 2147483647, .threads_per_block = 1024,
        .threads_per_dimension = {1024, 1024, 64}, .grid_size = {2147483647, 65535, 65535},
        .constant_memory = 65536, .major = 9, .minor = 0, .texture_alignment = 512, .texture_pitch_alignment = 32,
        .multiprocessors = 132};
    return 0;
}

int cudaGetDeviceCount(int *count) { *count = 1; return 0; }
int cudaGetDevice(int *device) { *device = 0; return 0; }
int cudaDeviceGetAttribute(int *value, int attribute, int device) { (void)attribute; (void)device; *value = 1; return 0; }
int cudaDriverGetVersion(int *version) { *version = 13000; return 0; }
int cudaRuntimeGetVersion(int *version) { *version = 13000; return 0; }
int cudaMemGetInfo(size_t *available, size_t *total) { *available = *total = (size_t)16 << 30; return 0; }
const char *cudaGetErrorName(int error) { (void)error; return "stand-in"; }
const char *cudaGetErrorString(int error) { (void)error; return "stand-in"; }
const char *cublasGetStatusName(int status) { (void)status; return "stand-in"; }
const char *cublasGetStatusString(int status) { (void)status; return "stand-in"; }
void **__cudaRegisterFatBinary(void *binary) { static void *handle[4]; (void)binary; return handle; }

struct { _Atomic long recordings, replays, kernels, recorded_kernels, uploads, arrivals, refused; } standin_counts;
static long on_its_way; /* a copy from memory that is not pinned returns before it has arrived */
static _Atomic int recording;
static int refuse(void) { if (recording) standin_counts.refused++; return recording ? 900 : 0; } /* ...CaptureUnsupported */

static int allocate(void **pointer, size_t size) { *pointer = calloc(size ? size : 1, 1); return *pointer ? 0 : 2; }
int cudaMalloc(void **p, size_t size) { return refuse() ? 900 : allocate(p, size); }
int cudaMallocHost(void **p, size_t size) { return refuse() ? 900 : allocate(p, size); }
int cudaHostAlloc(void **p, size_t size, unsigned flags) { (void)flags; return refuse() ? 900 : allocate(p, size); }
int cudaFree(void *p) { if (refuse()) return 900; free(p); return 0; }
int cudaFreeHost(void *p) { if (refuse()) return 900; free(p); return 0; }
int cudaMemcpy(void *to, const void *from, size_t size, int kind) {
    if (refuse()) return 900;
    if (kind == 1) standin_counts.uploads++, __atomic_fetch_add(&on_its_way, 1, __ATOMIC_SEQ_CST); /* to the device */
    memcpy(to, from, size);
    return 0;
}
int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream) {
    (void)kind; (void)stream; memcpy(to, from, size); return 0;
}
int cudaMemset(void *p, int value, size_t size) { if (refuse()) return 900; memset(p, value, size); return 0; }
int cudaMemsetAsync(void *p, int value, size_t size, void *stream) { (void)stream; memset(p, value, size); return 0; }

int cudaStreamCreate(void **stream) { return allocate(stream, 8); }
int cudaStreamCreateWithFlags(void **stream, unsigned flags) { (void)flags; return allocate(stream, 8); }
int cudaStreamIsCapturing(void *stream, int *status) { (void)stream; *status = recording; return 0; }
int cudaStreamSynchronize(void *stream) {
    if (refuse()) return 900;
    if (!stream) standin_counts.arrivals += __atomic_exchange_n(&on_its_way, 0, __ATOMIC_SEQ_CST);
    return 0;
}
int cudaDeviceSynchronize(void) { return refuse(); }
int cudaStreamBeginCapture(void *stream, int mode) { (void)stream; (void)mode; recording = 1; return 0; }
int cudaStreamEndCapture(void *stream, void **graph) {
    (void)stream; recording = 0; standin_counts.recordings++; return allocate(graph, 8);
}
int cudaGraphInstantiate(void **executable, void *graph, unsigned long long flags) {
    (void)graph; (void)flags; return allocate(executable, 8);
}
int cudaGraphLaunch(void *executable, void *stream) { (void)executable; (void)stream; standin_counts.replays++; return 0; }
int cudaGraphDestroy(void *graph) { free(graph); return 0; }
int cudaGraphExecDestroy(void *executable) { free(executable); return 0; }
struct grid { unsigned x, y, z; };
static int launch(void) { *(recording ? &standin_counts.recorded_kernels : &standin_counts.kernels) += 1; return 0; }
int cudaLaunchKernel(const void *f, struct grid g, struct grid b, void **arguments, size_t shared, void *stream) {
    (void)f; (void)g; (void)b; (void)arguments; (void)shared; (void)stream; return launch();
}
int __cudaLaunchKernel(const void *f, struct grid g, struct grid b, void **arguments, size_t shared, void *stream) {
    (void)f; (void)g; (void)b; (void)arguments; (void)shared; (void)stream; return launch();
}
int cudaEventCreate(void **event) { return allocate(event, 8); }
int cudaEventCreateWithFlags(void **event, unsigned flags) { (void)flags; return allocate(event, 8); }
int cublasCreate_v2(void **handle) { return allocate(handle, 8); }
int cublasLtCreate(void **handle) { return allocate(handle, 8); }

/* cuDNN is opened by name when the provider starts. */
int cudnnCreate(void **handle) { return allocate(handle, 64); }
int cudnnDestroy(void *handle) { free(handle); return 0; }
int cudnnSetStream(void *handle, void *stream) { (void)handle; (void)stream; return 0; }
