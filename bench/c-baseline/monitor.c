/*
 * The baseline that scripts/bench.sh measures kvmsev against: a plain C monitor that boots an unmodified Linux kernel as a
 * simulated SEV guest, does what such a guest needs and nothing else, and stops when the console shows a given text.
 *
 * Usage: monitor KERNEL INITRAMFS CMDLINE MEMORY_MIB UNTIL [--trace]
 *
 * The console goes to stdout; the last line of stderr is
 *   monitor: seconds=S hypercalls=N pages=N refused=N migration_ready=0|1 exits=N
 * where S is the wall time from the start of main() to the text. Exit code 0 if the text came, else 1.
 *
 * How the simulation works: RAM is mapped twice, at GPA and at GPA | C-bit, so that private and shared accesses reach the
 * same bytes; CPUID 0x8000001F and the MSR SEV_STATUS tell the kernel that it is a SEV guest. Nothing is encrypted.
 */
#define _GNU_SOURCE
#include <asm/bootparam.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Fixed places below 640 KiB. */
enum { GDT_GPA = 0x6000, ZERO_PAGE_GPA = 0x7000, PAGE_TABLES_GPA = 0x10000, CMDLINE_GPA = 0x20000, LOW_RAM_END = 0x9fc00 };
enum { KERNEL_GPA = 0x100000, PAGE_SIZE = 0x1000 };
enum { SERIAL_PORT = 0x3f8, SERIAL_IRQ = 4, KEYBOARD_IRQ = 1, HC_MAP_GPA_RANGE = 12 };
#define MSR_SEV_STATUS 0xc0010131u
#define MSR_MIGRATION_CONTROL 0x4b564d08u
#define MSR_MTRR_DEF_TYPE 0x2ffu

static struct timespec started;
static int kvm, vm, vcpu;
static uint8_t *ram;
static uint64_t ram_size;
static unsigned c_bit;
static bool trace;
static uint64_t hypercalls, pages, refused, exits, migration_control;

static _Noreturn void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fputs("monitor: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static int must(int result, const char *what)
{
    if (result < 0)
        die("%s failed: %s", what, strerror(errno));
    return result;
}

#define KVM(fd, request, argument) must(ioctl(fd, request, argument), #request)

static double seconds_since_start(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - started.tv_sec) + (double)(now.tv_nsec - started.tv_nsec) / 1e9;
}

static void irq(unsigned line, bool level)
{
    KVM(vm, KVM_IRQ_LINE, (&(struct kvm_irq_level){.irq = line, .level = level}));
}

/* ---- console: stdout by lines, and the watch for the text that ends the run ---- */

static const char *until;
static char line[512];
static size_t line_length;

static _Noreturn void finish(bool reached)
{
    double seconds = seconds_since_start();
    fwrite(line, 1, line_length, stdout);
    fflush(stdout);
    fprintf(stderr, "%smonitor: seconds=%.3f hypercalls=%llu pages=%llu refused=%llu migration_ready=%llu exits=%llu\n",
            line_length ? "\n" : "", seconds, (unsigned long long)hypercalls, (unsigned long long)pages,
            (unsigned long long)refused, (unsigned long long)(migration_control & 1), (unsigned long long)exits);
    exit(reached ? 0 : 1);
}

static void console_put(uint8_t byte)
{
    line[line_length++] = (char)byte;
    line[line_length] = 0;
    if (byte != '\n' && line_length < sizeof line - 1)
        return;
    if (strstr(line, until))
        finish(true);
    fwrite(line, 1, line_length, stdout);
    fflush(stdout);
    line_length = 0;
}

/* ---- 16550A: transmit side with its interrupt; nothing is ever received ---- */

static struct {
    uint8_t ier, lcr, mcr, scr, fcr;
    uint8_t divisor[2];
    bool transmit_pending, level;
} uart;

static void uart_update(void)
{
    bool level = uart.transmit_pending && (uart.ier & 2);
    if (level != uart.level)
        irq(SERIAL_IRQ, uart.level = level);
}

static void uart_write(unsigned reg, uint8_t value)
{
    bool latch = uart.lcr & 0x80;
    switch (reg) {
    case 0:
        if (latch) {
            uart.divisor[0] = value;
        } else {
            if (!(uart.mcr & 0x10))
                console_put(value);
            uart.transmit_pending = true; /* empty again at once */
        }
        break;
    case 1:
        if (latch) {
            uart.divisor[1] = value;
        } else {
            if ((value & 2) && !(uart.ier & 2))
                uart.transmit_pending = true;
            uart.ier = value & 0x0f;
        }
        break;
    case 2: uart.fcr = value; break;
    case 3: uart.lcr = value; break;
    case 4: uart.mcr = value & 0x1f; break;
    case 7: uart.scr = value; break;
    }
    uart_update();
}

static uint8_t uart_read(unsigned reg)
{
    bool latch = uart.lcr & 0x80;
    switch (reg) {
    case 0: return latch ? uart.divisor[0] : 0;
    case 1: return latch ? uart.divisor[1] : uart.ier;
    case 2: {
        uint8_t fifo = uart.fcr & 1 ? 0xc0 : 0;
        if (!uart.level)
            return fifo | 1;
        uart.transmit_pending = false; /* reading the cause takes it back */
        uart_update();
        return fifo | 2;
    }
    case 3: return uart.lcr;
    case 4: return uart.mcr;
    case 5: return 0x60; /* transmitter empty */
    case 6: /* in loopback the modem outputs come back as inputs */
        return uart.mcr & 0x10 ? (uint8_t)((uart.mcr & 2) << 3 | (uart.mcr & 1) << 5 | (uart.mcr & 0x0c) << 4) : 0xb0;
    default: return uart.scr;
    }
}

/* ---- i8042 with a keyboard that answers; without answers Linux polls for seconds ---- */

static struct {
    uint8_t config, command, queue[8];
    unsigned count;
    bool level;
} keyboard = {.config = 0x45};

static void keyboard_update(void)
{
    bool level = keyboard.count && (keyboard.config & 1);
    if (level != keyboard.level)
        irq(KEYBOARD_IRQ, keyboard.level = level);
}

static void keyboard_answer(unsigned count, const char *bytes)
{
    for (unsigned i = 0; i < count && keyboard.count < sizeof keyboard.queue; i++)
        keyboard.queue[keyboard.count++] = (uint8_t)bytes[i];
}

static void keyboard_write(unsigned port, uint8_t value)
{
    if (port == 0x64) {
        keyboard.command = 0;
        switch (value) {
        case 0x20: keyboard_answer(1, (char *)&keyboard.config); break;
        case 0xaa: keyboard_answer(1, "\x55"); break; /* self test passed */
        case 0xab: keyboard_answer(1, "\0"); break;   /* keyboard line good */
        case 0xa9: keyboard_answer(1, "\1"); break;   /* no mouse line */
        case 0xfe: finish(false);                     /* reset */
        default: keyboard.command = value;            /* the data byte follows */
        }
    } else if (keyboard.command == 0x60) {
        keyboard.config = value;
        keyboard.command = 0;
    } else if (keyboard.command == 0xd3) {
        keyboard_answer(1, (char *)&value); /* not marked as a mouse's: Linux sees there is none */
        keyboard.command = 0;
    } else if (value == 0xf2) {
        keyboard_answer(3, "\xfa\xab\x83"); /* identify: a keyboard */
    } else if (value == 0xff) {
        keyboard_answer(2, "\xfa\xaa"); /* reset */
    } else {
        keyboard_answer(1, "\xfa");
    }
    keyboard_update();
}

static uint8_t keyboard_read(unsigned port)
{
    if (port == 0x64)
        return (uint8_t)((keyboard.count ? 1 : 0) | (keyboard.config & 4) | 0x10); /* keylock open */
    uint8_t value = keyboard.queue[0];
    if (keyboard.count) {
        memmove(keyboard.queue, keyboard.queue + 1, --keyboard.count);
        /* An edge for each byte: the interrupt controller's line is edge-triggered. */
        if (keyboard.level)
            irq(KEYBOARD_IRQ, keyboard.level = false);
    }
    keyboard_update();
    return value;
}

/* ---- CMOS clock ---- */

static uint8_t cmos_index;

static uint8_t cmos_read(void)
{
    time_t now = time(NULL);
    struct tm t;
    gmtime_r(&now, &t);
    int value;
    switch (cmos_index) {
    case 0x00: value = t.tm_sec; break;
    case 0x02: value = t.tm_min; break;
    case 0x04: value = t.tm_hour; break;
    case 0x06: value = t.tm_wday + 1; break;
    case 0x07: value = t.tm_mday; break;
    case 0x08: value = t.tm_mon + 1; break;
    case 0x09: value = t.tm_year % 100; break;
    case 0x32: value = 19 + t.tm_year / 100; break;
    case 0x0a: return 0x26; /* no update in progress */
    case 0x0b: return 0x02; /* 24 hours, BCD */
    case 0x0d: return 0x80; /* battery good */
    default: return 0;
    }
    return (uint8_t)(value / 10 << 4 | value % 10);
}

/* ---- exits ---- */

static uint8_t port_read(unsigned port)
{
    if (port - SERIAL_PORT < 8)
        return uart_read(port - SERIAL_PORT);
    if (port == 0x60 || port == 0x64)
        return keyboard_read(port);
    return port == 0x71 ? cmos_read() : 0xff;
}

static void port_write(unsigned port, uint8_t value)
{
    if (port - SERIAL_PORT < 8)
        uart_write(port - SERIAL_PORT, value);
    else if (port == 0x60 || port == 0x64)
        keyboard_write(port, value);
    else if (port == 0x70)
        cmos_index = value & 0x7f;
}

static void handle_io(struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    for (unsigned i = 0; i < run->io.count * run->io.size; i++) {
        unsigned port = run->io.port + i % run->io.size;
        if (run->io.direction == KVM_EXIT_IO_OUT)
            port_write(port, data[i]);
        else
            data[i] = port_read(port);
    }
}

static void handle_hypercall(struct kvm_run *run)
{
    uint64_t gpa = run->hypercall.args[0], count = run->hypercall.args[1], attributes = run->hypercall.args[2];
    bool good = run->hypercall.nr == HC_MAP_GPA_RANGE && gpa < ram_size && count <= (ram_size - gpa) / PAGE_SIZE
        && !(attributes & ~0x1full);
    if (trace)
        fprintf(stderr, "map-gpa-range gpa=%#llx pages=%llu attributes=%#llx\n", (unsigned long long)gpa,
                (unsigned long long)count, (unsigned long long)attributes);
    hypercalls += good;
    refused += !good;
    pages += good ? count : 0;
    run->hypercall.ret = good ? 0 : (uint64_t)-EINVAL;
}

static void handle_msr(struct kvm_run *run)
{
    bool write = run->exit_reason == KVM_EXIT_X86_WRMSR;
    run->msr.error = 0;
    if (run->msr.index == MSR_SEV_STATUS && !write)
        run->msr.data = 1; /* SEV is active */
    else if (run->msr.index == MSR_MIGRATION_CONTROL && write)
        migration_control = run->msr.data;
    else if (run->msr.index == MSR_MIGRATION_CONTROL)
        run->msr.data = migration_control;
    else
        run->msr.error = 1; /* #GP, as on a processor without it */
}

/* ---- the machine ---- */

static void create_vm(void)
{
    kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "open /dev/kvm");
    vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    must(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000), "KVM_SET_TSS_ADDR");
    must(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
    KVM(vm, KVM_CREATE_PIT2, (&(struct kvm_pit_config){.flags = KVM_PIT_SPEAKER_DUMMY}));
    KVM(vm, KVM_ENABLE_CAP, (&(struct kvm_enable_cap){.cap = KVM_CAP_EXIT_HYPERCALL, .args = {1 << HC_MAP_GPA_RANGE}}));
    KVM(vm, KVM_ENABLE_CAP,
        (&(struct kvm_enable_cap){.cap = KVM_CAP_X86_USER_SPACE_MSR, .args = {KVM_MSR_EXIT_REASON_UNKNOWN}}));
    ram = mmap(NULL, ram_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ram == MAP_FAILED)
        die("cannot map %llu bytes of memory", (unsigned long long)ram_size);
}

static void map_memory(void)
{
    struct kvm_userspace_memory_region region = {.slot = 0, .memory_size = ram_size, .userspace_addr = (uintptr_t)ram};
    KVM(vm, KVM_SET_USER_MEMORY_REGION, &region);
    region.slot = 1;
    region.guest_phys_addr = 1ull << c_bit;
    KVM(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void set_cpuid(void)
{
    enum { MAX = 256 };
    static union {
        struct kvm_cpuid2 table;
        uint8_t room[sizeof(struct kvm_cpuid2) + (MAX + 1) * sizeof(struct kvm_cpuid_entry2)];
    } u;
    u.table.nent = MAX;
    KVM(kvm, KVM_GET_SUPPORTED_CPUID, &u.table);
    struct kvm_cpuid_entry2 *sev = NULL;
    for (unsigned i = 0; i < u.table.nent; i++) {
        struct kvm_cpuid_entry2 *e = &u.table.entries[i];
        switch (e->function) {
        case 1: e->ecx |= 1u << 31 | 1u << 24; break; /* a hypervisor; the APIC timer's TSC deadline mode */
        case 0x40000001: e->eax |= 1u << 16 | 1u << 17; break; /* HC_MAP_GPA_RANGE, MIGRATION_CONTROL */
        case 0x80000000: e->eax = e->eax < 0x8000001f ? 0x8000001f : e->eax; break;
        case 0x80000008: c_bit = (e->eax & 0xff) - 1; break;
        case 0x8000001f: sev = e; break;
        }
    }
    if (c_bit < 36)
        die("the processor has no physical address bit to spare");
    if (!sev)
        sev = &u.table.entries[u.table.nent++];
    *sev = (struct kvm_cpuid_entry2){.function = 0x8000001f, .eax = 2, .ebx = c_bit | 1u << 6};
    KVM(vcpu, KVM_SET_CPUID2, &u.table);
}

/* Identity map of 4 GiB in 2 MiB pages; private (C-bit set) where there is RAM. */
static void build_page_tables(void)
{
    uint64_t private = 1ull << c_bit, *tables = (uint64_t *)(ram + PAGE_TABLES_GPA);
    tables[0] = (PAGE_TABLES_GPA + PAGE_SIZE) | private | 3;
    for (unsigned gib = 0; gib < 4; gib++)
        tables[512 + gib] = (PAGE_TABLES_GPA + (2ull + gib) * PAGE_SIZE) | private | 3;
    for (uint64_t i = 0; i < 2048; i++)
        tables[1024 + i] = i << 21 | 0x83 | (i << 21 < ram_size ? private : 0);
}

static uint64_t read_file(const char *path, uint64_t from, uint64_t gpa)
{
    struct stat info;
    int fd = must(open(path, O_RDONLY | O_CLOEXEC), path);
    must(fstat(fd, &info), path);
    uint64_t size = (uint64_t)info.st_size - from;
    if ((uint64_t)info.st_size < from || gpa > ram_size || size > ram_size - gpa)
        die("%s does not fit", path);
    for (uint64_t done = 0; done < size;) {
        ssize_t got = pread(fd, ram + gpa + done, size - done, (off_t)(from + done));
        if (got <= 0)
            die("cannot read %s", path);
        done += (uint64_t)got;
    }
    close(fd);
    return size;
}

static void load_linux(const char *kernel, const char *initramfs, const char *cmdline)
{
    struct boot_params *zero_page = (struct boot_params *)(ram + ZERO_PAGE_GPA);
    struct setup_header *header = &zero_page->hdr;
    struct stat info;
    int fd = must(open(kernel, O_RDONLY | O_CLOEXEC), kernel);
    if (pread(fd, header, sizeof *header, 0x1f1) != sizeof *header || header->header != 0x53726448 || header->version < 0x020c
        || !(header->xloadflags & XLF_KERNEL_64))
        die("%s is not a 64-bit bzImage", kernel);
    close(fd);
    read_file(kernel, (header->setup_sects ? header->setup_sects + 1u : 5u) * 512u, KERNEL_GPA);

    must(stat(initramfs, &info), initramfs);
    uint64_t initramfs_gpa = (ram_size - (uint64_t)info.st_size) & ~(uint64_t)(PAGE_SIZE - 1);
    header->ramdisk_image = (uint32_t)initramfs_gpa;
    header->ramdisk_size = (uint32_t)read_file(initramfs, 0, initramfs_gpa);

    if (strlen(cmdline) > header->cmdline_size)
        die("the command line is longer than the kernel's limit of %u", header->cmdline_size);
    strcpy((char *)ram + CMDLINE_GPA, cmdline);
    header->cmd_line_ptr = CMDLINE_GPA;
    header->type_of_loader = 0xff;
    zero_page->e820_entries = 2;
    zero_page->e820_table[0] = (struct boot_e820_entry){0, LOW_RAM_END, 1};
    zero_page->e820_table[1] = (struct boot_e820_entry){KERNEL_GPA, ram_size - KERNEL_GPA, 1};
}

static void set_registers(void)
{
    static const uint64_t gdt[] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};
    memcpy(ram + GDT_GPA, gdt, sizeof gdt);
    struct kvm_segment code = {.limit = ~0u, .selector = 0x10, .type = 0xb, .present = 1, .s = 1, .l = 1, .g = 1};
    struct kvm_segment data = {.limit = ~0u, .selector = 0x18, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
    struct kvm_sregs sregs;
    KVM(vcpu, KVM_GET_SREGS, &sregs);
    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.gdt.base = GDT_GPA;
    sregs.gdt.limit = sizeof gdt - 1;
    sregs.cr3 = PAGE_TABLES_GPA | 1ull << c_bit;
    sregs.cr4 = 1u << 5;                 /* PAE */
    sregs.cr0 = 1u << 31 | 1u << 4 | 1u; /* PG, ET, PE */
    sregs.efer = 1u << 10 | 1u << 8;     /* LMA, LME */
    KVM(vcpu, KVM_SET_SREGS, &sregs);
    KVM(vcpu, KVM_SET_REGS, (&(struct kvm_regs){.rip = KERNEL_GPA + 0x200, .rsi = ZERO_PAGE_GPA, .rflags = 2}));

    /* Without enabled, write-back MTRRs Linux sets up no PAT, and its SEV code stops with a BUG. */
    struct {
        struct kvm_msrs header;
        struct kvm_msr_entry entry;
    } msrs = {.header.nmsrs = 1, .entry = {.index = MSR_MTRR_DEF_TYPE, .data = 0xc06}};
    if (KVM(vcpu, KVM_SET_MSRS, &msrs) != 1)
        die("cannot set the MTRR default type");
}

static _Noreturn void run_guest(void)
{
    size_t size = (size_t)must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED)
        die("cannot map kvm_run");
    for (;;) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0 && errno != EINTR && errno != EAGAIN)
            die("KVM_RUN failed: %s", strerror(errno));
        exits++;
        switch (run->exit_reason) {
        case KVM_EXIT_IO: handle_io(run); break;
        case KVM_EXIT_MMIO:
            if (!run->mmio.is_write)
                memset(run->mmio.data, 0xff, sizeof run->mmio.data);
            break;
        case KVM_EXIT_HYPERCALL: handle_hypercall(run); break;
        case KVM_EXIT_X86_RDMSR:
        case KVM_EXIT_X86_WRMSR: handle_msr(run); break;
        case KVM_EXIT_INTR: break;
        case KVM_EXIT_SHUTDOWN: finish(false);
        default: die("exit reason %u", run->exit_reason);
        }
    }
}

int main(int argc, char **argv)
{
    clock_gettime(CLOCK_MONOTONIC, &started);
    trace = argc == 7 && !strcmp(argv[6], "--trace");
    if (argc != 6 && !trace)
        die("usage: monitor KERNEL INITRAMFS CMDLINE MEMORY_MIB UNTIL [--trace]");
    ram_size = strtoull(argv[4], NULL, 10) << 20;
    until = argv[5];
    if (ram_size < 64ull << 20 || ram_size > 3ull << 30)
        die("memory must be 64 to 3072 MiB");
    create_vm();
    vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    set_cpuid();
    map_memory();
    build_page_tables();
    load_linux(argv[1], argv[2], argv[3]);
    set_registers();
    run_guest();
}
