namespace KvmSevVmm.KvmNative.Errors;

/// <summary>The rows of <see cref="ErrorHints"/> for devices, VMs and vCPUs.</summary>
internal static class KvmErrorHints
{
    private const string ReservedRegisters
        = "A launched SEV-ES or SNP guest keeps its registers to itself; for any other guest, a value is one that the processor refuses.";

    /// <summary>The rows.</summary>
    public static IReadOnlyList<ErrorHint> Rows { get; } =
    [
        // The device nodes.
        new(
            "open(\"/dev/kvm\")",
            Errno.ENOENT,
            "Load kvm_amd or kvm_intel; virtualisation must be on in the firmware set-up, or nested virtualisation if this host "
            + "is itself a VM."),
        new(
            "open(\"/dev/kvm\")",
            Errno.EACCES,
            "Your user may not use /dev/kvm: join the group that owns it (usually kvm) and log in again."),
        new("open(\"/dev/kvm\")", Errno.EPERM, "The container was not given the device: start it with --device /dev/kvm."),
        new("open(\"/dev/kvm\")", Errno.ENODEV, "The node exists but KVM does not: load kvm_amd or kvm_intel and read dmesg."),
        new("open(\"/dev/kvm\")", Errno.ENXIO, "The node exists but KVM does not: load kvm_amd or kvm_intel and read dmesg."),
        new(
            "open(\"/dev/sev\")",
            Errno.ENOENT,
            "The ccp module is not loaded, memory encryption (SMEE) is off in the firmware set-up, or this host is itself a VM."),
        new(
            "open(\"/dev/sev\")",
            Errno.EACCES,
            "By default only root may use /dev/sev: run as root, or give a group access by a udev rule."),
        new("open(\"/dev/sev\")", Errno.EPERM, "The container was not given the device: start it with --device /dev/sev."),
        new("open(\"/dev/sev\")", Errno.ENODEV, "The node exists but the firmware did not start: read what ccp wrote to dmesg."),
        new("open(\"/dev/sev\")", Errno.ENXIO, "The node exists but the firmware did not start: read what ccp wrote to dmesg."),
        new("open", Errno.ENOENT, "There is no such file."),
        new("open", Errno.EACCES, "Your user may not open this file."),
        new("open", Errno.EMFILE, "Raise the limit of open files (ulimit -n)."),

        // Making a VM.
        new("KVM_CREATE_VM", Errno.EINVAL, "The kernel does not offer this VM type; see \"host requirements\"."),
        new(
            "KVM_CREATE_VM",
            Errno.EBUSY,
            "Another hypervisor holds the processor's virtualisation extensions: end it or unload its module."),
        new("KVM_CREATE_VM", Errno.EIO, "The processor's virtualisation extensions could not be switched on: read dmesg."),
        new("KVM_CREATE_VM", Errno.ENOTTY, "The kernel does not offer this VM type; see \"host requirements\"."),
        new("KVM_CREATE_VCPU", Errno.EINVAL, "The vCPU number is too high, or the interrupt controllers do not allow it."),
        new("KVM_CREATE_VCPU", Errno.EEXIST, "A vCPU with this number exists already."),
        new("KVM_CREATE_VCPU", Errno.EBUSY, "The VM's SEV context is being moved: no vCPU can be made now."),
        new("KVM_CREATE_IRQCHIP", Errno.EEXIST, "The interrupt controllers exist already."),
        new("KVM_CREATE_IRQCHIP", Errno.EINVAL, "Interrupt controllers must be made before the first vCPU."),
        new("KVM_CREATE_PIT2", Errno.EEXIST, "The timer exists already."),
        new("KVM_CREATE_PIT2", Errno.ENOENT, "The timer needs the interrupt controllers: KVM_CREATE_IRQCHIP first."),
        new("KVM_REINJECT_CONTROL", Errno.ENXIO, "There is no timer: KVM_CREATE_PIT2 first."),
        new("KVM_SET_TSS_ADDR", Errno.EINVAL, "The address must leave three pages below 4 GiB."),
        new("KVM_SET_IDENTITY_MAP_ADDR", Errno.EINVAL, "The identity map must be placed before the first vCPU is made."),

        // Memory.
        new("KVM_SET_USER_MEMORY_REGION", Errno.EEXIST, "The region overlaps another memslot."),
        new(
            "KVM_SET_USER_MEMORY_REGION",
            Errno.EINVAL,
            "Addresses and size must be multiples of 4096, the slot number below KVM_CAP_NR_MEMSLOTS, and SEV-ES and SNP guests "
            + "have no read-only memory."),
        new(
            "KVM_SET_USER_MEMORY_REGION",
            Errno.ENOMEM,
            "The kernel has no memory for the memslot's tables: make the guest smaller or raise the cgroup's limit."),
        new(
            "KVM_SET_USER_MEMORY_REGION2",
            Errno.EEXIST,
            "The region overlaps another memslot, or its part of the guest_memfd is bound already."),
        new(
            "KVM_SET_USER_MEMORY_REGION2",
            Errno.EINVAL,
            "Addresses, offset and size must be multiples of 4096, the guest_memfd this VM's own and large enough, without "
            + "dirty log and not read-only."),
        new(
            "KVM_SET_USER_MEMORY_REGION2",
            Errno.ENOMEM,
            "The kernel has no memory for the memslot's tables: make the guest smaller or raise the cgroup's limit."),
        new("KVM_SET_USER_MEMORY_REGION2", Errno.ENOTTY, "Memory with a guest_memfd needs Linux 6.8 or newer."),
        new(
            "KVM_CREATE_GUEST_MEMFD",
            Errno.EINVAL,
            "The size must be a multiple of 4096, the flags ones of KVM_CAP_GUEST_MEMFD_FLAGS, and the VM type one with private memory."),
        new("KVM_CREATE_GUEST_MEMFD", Errno.ENOTTY, "guest_memfd needs Linux 6.8 or newer, built with CONFIG_KVM_PRIVATE_MEM."),
        new(
            "KVM_SET_MEMORY_ATTRIBUTES",
            Errno.EINVAL,
            "The VM type has no private memory (KVM_CAP_MEMORY_ATTRIBUTES is 0), or the range is not whole pages."),
        new(
            "KVM_SET_MEMORY_ATTRIBUTES",
            Errno.ENOTTY,
            "Memory attributes need Linux 6.8 or newer, built with CONFIG_KVM_GENERIC_MEMORY_ATTRIBUTES."),
        new("KVM_SET_MEMORY_ATTRIBUTES", Errno.EIO, "An earlier failure left this VM dead: only ending it is possible."),
        new("KVM_PRE_FAULT_MEMORY", Errno.ENOENT, "The range lies outside every memslot."),
        new(
            "KVM_PRE_FAULT_MEMORY",
            Errno.EOPNOTSUPP,
            "The VM cannot map memory ahead: it needs nested paging, and a SNP guest must be launched first."),
        new("KVM_PRE_FAULT_MEMORY", Errno.ENOTTY, "Mapping memory ahead needs Linux 6.11 or newer."),
        new("KVM_GET_DIRTY_LOG", Errno.ENOENT, "The memslot does not exist or does not log dirty pages."),
        new("KVM_CLEAR_DIRTY_LOG", Errno.EINVAL, "Enable KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 first, and clear multiples of 64 pages."),
        new("KVM_CLEAR_DIRTY_LOG", Errno.ENOENT, "The memslot does not exist or does not log dirty pages."),
        new("KVM_CLEAR_DIRTY_LOG", Errno.ENXIO, "Dirty rings are on: they and the bitmap exclude each other."),
        new("KVM_GET_DIRTY_LOG", Errno.ENXIO, "Dirty rings are on: they and the bitmap exclude each other."),

        // Capabilities and MSRs.
        new(
            "KVM_ENABLE_CAP",
            Errno.EINVAL,
            "The kernel does not offer this capability, or not with these arguments; KVM_CHECK_EXTENSION tells which it takes."),
        new(
            "KVM_ENABLE_CAP(KVM_CAP_EXIT_HYPERCALL)",
            Errno.EINVAL,
            "The mask has a hypercall that the kernel cannot hand over; KVM_CHECK_EXTENSION tells which it can (1 << 12 since "
            + "Linux 5.14)."),
        new("KVM_ENABLE_CAP(KVM_CAP_X86_USER_SPACE_MSR)", Errno.EINVAL, "MSR exits need Linux 5.10 or newer."),
        new(
            "KVM_ENABLE_CAP(KVM_CAP_ENFORCE_PV_FEATURE_CPUID)",
            Errno.EINVAL,
            "Holding a guest to its paravirtual CPUID needs Linux 5.10 or newer."),
        new("KVM_ENABLE_CAP(KVM_CAP_SPLIT_IRQCHIP)", Errno.EEXIST, "Interrupt controllers or vCPUs exist already."),
        new(
            "KVM_ENABLE_CAP(KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM)",
            Errno.EINVAL,
            "Both VMs must have the same type and vCPU count, the source must be a SEV or SEV-ES guest, and this VM must not be one yet."),
        new(
            "KVM_ENABLE_CAP(KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM)",
            Errno.EBUSY,
            "Another move, or the making of a vCPU, is under way: try again."),
        new("KVM_ENABLE_CAP(KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM)", Errno.EBADF, "The argument is not the descriptor of a VM."),
        new(
            "KVM_ENABLE_CAP(KVM_CAP_VM_COPY_ENC_CONTEXT_FROM)",
            Errno.EINVAL,
            "The source must be a SEV guest that is not a mirror, and this VM must have no vCPU and no SEV context of its own."),
        new("KVM_ENABLE_CAP(KVM_CAP_VM_COPY_ENC_CONTEXT_FROM)", Errno.EBADF, "The argument is not the descriptor of a VM."),
        new("KVM_X86_SET_MSR_FILTER", Errno.EINVAL, "A range may have at most 12288 MSRs, and no flags but READ and WRITE."),
        new("KVM_X86_SET_MSR_FILTER", Errno.ENOTTY, "MSR filters need Linux 5.10 or newer."),
        new("KVM_GET_MSRS", Errno.E2BIG, "At most 255 MSRs can be read at once."),
        new("KVM_SET_MSRS", Errno.E2BIG, "At most 255 MSRs can be written at once."),
        new("KVM_GET_MSR_INDEX_LIST", Errno.E2BIG, "The list does not fit; the kernel wrote the count that it needs."),
        new("KVM_GET_MSR_FEATURE_INDEX_LIST", Errno.E2BIG, "The list does not fit; the kernel wrote the count that it needs."),
        new("KVM_HAS_DEVICE_ATTR", Errno.ENXIO, "The kernel does not have this attribute."),
        new("KVM_GET_DEVICE_ATTR", Errno.ENXIO, "The kernel does not have this attribute."),

        // CPUID and registers.
        new("KVM_GET_SUPPORTED_CPUID", Errno.E2BIG, "The list does not fit: ask for more entries."),
        new("KVM_GET_EMULATED_CPUID", Errno.E2BIG, "The list does not fit: ask for more entries."),
        new("KVM_GET_CPUID2", Errno.E2BIG, "The list does not fit: ask for more entries."),
        new("KVM_SET_CPUID2", Errno.E2BIG, "More than 256 CPUID entries were given."),
        new(
            "KVM_SET_CPUID2",
            Errno.EINVAL,
            "The linear address width must be 48, 57 or 0 bits, and CPUID may not change once the vCPU has run."),
        new("KVM_GET_REGS", Errno.EINVAL, ReservedRegisters),
        new("KVM_SET_REGS", Errno.EINVAL, ReservedRegisters),
        new("KVM_GET_SREGS", Errno.EINVAL, ReservedRegisters),
        new("KVM_SET_SREGS", Errno.EINVAL, ReservedRegisters),
        new("KVM_GET_SREGS2", Errno.EINVAL, ReservedRegisters),
        new("KVM_SET_SREGS2", Errno.EINVAL, ReservedRegisters),
        new("KVM_GET_FPU", Errno.EINVAL, ReservedRegisters),
        new("KVM_SET_FPU", Errno.EINVAL, ReservedRegisters),
        new("KVM_GET_XSAVE", Errno.EINVAL, ReservedRegisters),
        new("KVM_GET_XSAVE2", Errno.EINVAL, ReservedRegisters),
        new("KVM_SET_XSAVE", Errno.EINVAL, ReservedRegisters),
        new("KVM_GET_XCRS", Errno.EINVAL, ReservedRegisters),
        new("KVM_SET_XCRS", Errno.EINVAL, ReservedRegisters),
        new("KVM_GET_DEBUGREGS", Errno.EINVAL, ReservedRegisters),
        new("KVM_SET_DEBUGREGS", Errno.EINVAL, ReservedRegisters),
        new("KVM_SET_GUEST_DEBUG", Errno.EINVAL, "A SEV-ES or SNP guest cannot be debugged from outside."),
        new("KVM_GET_LAPIC", Errno.EINVAL, "There is no local APIC in the kernel: KVM_CREATE_IRQCHIP comes first."),
        new("KVM_SET_LAPIC", Errno.EINVAL, "There is no local APIC in the kernel: KVM_CREATE_IRQCHIP comes first."),
        new("KVM_SET_TSC_KHZ", Errno.EINVAL, "The processor cannot scale its time-stamp counter to this frequency."),
        new("KVM_GET_TSC_KHZ", Errno.EIO, "The host's time-stamp counter is unstable."),

        // Interrupts and events.
        new("KVM_IRQ_LINE", Errno.ENXIO, "There are no interrupt controllers in the kernel: KVM_CREATE_IRQCHIP comes first."),
        new("KVM_IRQFD", Errno.EBUSY, "This eventfd is assigned already."),
        new("KVM_IRQFD", Errno.EINVAL, "The interrupt number has no route, or there are no interrupt controllers in the kernel."),
        new("KVM_IOEVENTFD", Errno.EEXIST, "Another eventfd listens to this address and value already."),
        new("KVM_IOEVENTFD", Errno.ENOENT, "No eventfd listens to this address and value."),
        new("KVM_IOEVENTFD", Errno.ENOSPC, "The VM has as many ioeventfds as the kernel allows."),
        new("KVM_IOEVENTFD", Errno.EINVAL, "The length must be 0, 1, 2, 4 or 8 bytes, and the address must not wrap around."),
        new(
            "KVM_SET_GSI_ROUTING",
            Errno.EINVAL,
            "A route names an unknown pin or type, or there are more routes than KVM_CAP_IRQ_ROUTING allows."),
        new("KVM_SIGNAL_MSI", Errno.EINVAL, "The message is not one that an APIC accepts, or there are no local APICs in the kernel."),

        // Running.
        new("KVM_RUN", Errno.EFAULT, "The guest used memory that its memslots do not back, or whose mapping is gone."),
        new(
            "KVM_RUN",
            Errno.EINVAL,
            "The vCPU's state is not one that the processor can run, or this SEV-ES vCPU was not part of the launch."),
        new("KVM_RUN", Errno.EHWPOISON, "A page of guest memory has a hardware error: read dmesg."),
        new("KVM_RUN", Errno.EIO, "The VM is dead: its SEV context was moved away, or the kernel met a fault of its own; read dmesg."),
        new("KVM_RUN", Errno.ENOMEM, "The host ran out of memory for the guest: make it smaller or raise the cgroup's limit."),

        // Encrypted memory, as far as no SEV command is involved.
        new(
            "KVM_MEMORY_ENCRYPT_OP",
            Errno.ENOTTY,
            "KVM has no SEV here: the processor lacks it, it is off in the firmware set-up, or kvm_amd was loaded with sev=0."),
        new(
            "KVM_MEMORY_ENCRYPT_REG_REGION",
            Errno.ENOMEM,
            "Pinning the guest's memory goes over the lock limit: raise it above the guest's memory plus firmware (ulimit -l, "
            + "or LimitMEMLOCK= in a unit)."),
        new(
            "KVM_MEMORY_ENCRYPT_REG_REGION",
            Errno.EINVAL,
            "The region must be mapped and writable, no larger than the host's memory, and the VM no mirror."),
        new("KVM_MEMORY_ENCRYPT_REG_REGION", Errno.ENOTTY, "The VM is not a SEV guest: KVM_SEV_INIT or KVM_SEV_INIT2 comes first."),
        new("KVM_MEMORY_ENCRYPT_UNREG_REGION", Errno.EINVAL, "No region was registered with exactly this address and size."),
        new("KVM_MEMORY_ENCRYPT_UNREG_REGION", Errno.ENOTTY, "The VM is not a SEV guest."),

        // What holds for every call of KVM.
        new("KVM_*", Errno.EIO, "The VM is dead: its SEV context was moved away, or the kernel met a fault of its own; read dmesg."),
        new(
            "KVM_*",
            Errno.EINVAL,
            "The kernel refuses these arguments: it is older than kvmsev needs, or this is a bug of kvmsev; 'kvmsev doctor' shows what it "
            + "has."),
        new("KVM_*", Errno.EBUSY, "Something else uses it at this moment, perhaps another monitor or the end of another guest: try again."),
        new("KVM_*", Errno.ENOTTY, "This kernel does not have the call: it is too old, or was built without it."),
        new("KVM_*", Errno.ENOMEM, "The host ran out of memory, or a cgroup's limit is reached."),
        new("KVM_*", Errno.EMFILE, "Raise the limit of open files (ulimit -n)."),
        new("KVM_*", Errno.ENFILE, "The host has too many open files (fs.file-max)."),
        new(
            "mmap",
            Errno.ENOMEM,
            "The host has not enough memory or address space for this: make the guest smaller, or allow overcommit "
            + "(vm.overcommit_memory)."),
        new("madvise", Errno.EINVAL, "The kernel does not know this advice, or the memory is locked."),
    ];
}
