/*
 * The baseline for one exit round trip: a C loop of KVM_RUN calls on a guest that does nothing but port output.
 *
 * As a shared library (libpiobaseline.so) it is called from the process that measures the C# loop, in turns with it, on the
 * same vCPU: both then share the VM, the processor and the moment. As a program (-DPIO_PROGRAM) it makes its own VM and
 * prints "exits=N batches=N ns_min=X ns_median=X" for batches of such calls.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

/*
 * Runs the vCPU until it has left the guest `exits` times, each time for port I/O.
 * vcpu_fd: the vCPU; kvm_run: its mapped struct kvm_run. The guest must loop over an OUT instruction.
 * Returns `exits`; or -errno of a failed KVM_RUN (EINTR and EAGAIN are tried again and not counted); or
 * -1000 - exit_reason after any other exit.
 */
__attribute__((visibility("default"))) long pio_run(int vcpu_fd, void *kvm_run, long exits)
{
    volatile struct kvm_run *run = kvm_run;
    for (long done = 0; done < exits;) {
        if (ioctl(vcpu_fd, KVM_RUN, 0) < 0) {
            if (errno == EINTR || errno == EAGAIN)
                continue;
            return -errno;
        }
        if (run->exit_reason != KVM_EXIT_IO)
            return -1000 - (long)run->exit_reason;
        done++;
    }
    return exits;
}

#ifdef PIO_PROGRAM
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { MEMORY_SIZE = 0x10000, CODE_GPA = 0x1000, EXITS = 500, BATCHES = 200 };

static int must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static int compare(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

int main(void)
{
    static const uint8_t code[] = {0xe6, 0x10, 0xeb, 0xfc}; /* out 0x10, al; jmp to it */
    static double nanoseconds[BATCHES];
    struct kvm_sregs sregs;
    struct kvm_regs regs = {.rip = CODE_GPA, .rflags = 2};

    int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    uint8_t *memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory == MAP_FAILED ? -1 : 0, "mmap");
    memcpy(memory + CODE_GPA, code, sizeof code);
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY_SIZE, .userspace_addr = (uintptr_t)memory};
    must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");

    int vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
    sregs.cs.base = sregs.cs.selector = 0;
    must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
    must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
    int size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    void *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    must(run == MAP_FAILED ? -1 : 0, "mmap of kvm_run");

    for (int batch = -1; batch < BATCHES; batch++) { /* the first one warms up */
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        long result = pio_run(vcpu, run, EXITS);
        clock_gettime(CLOCK_MONOTONIC, &to);
        if (result != EXITS) {
            fprintf(stderr, "pio_run answered %ld\n", result);
            return 1;
        }
        if (batch >= 0)
            nanoseconds[batch] = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / EXITS;
    }
    qsort(nanoseconds, BATCHES, sizeof nanoseconds[0], compare);
    printf("exits=%d batches=%d ns_min=%.0f ns_median=%.0f\n", EXITS, BATCHES, nanoseconds[0], nanoseconds[BATCHES / 2]);
    return 0;
}
#endif
