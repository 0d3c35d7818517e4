namespace KvmSevVmm.Lab.Tests;

/// <summary>What the images of kvm-unit-tests ask of a machine, and which of them are not for this one.</summary>
/// <remarks>Source: x86/unittests.cfg of kvm-unit-tests, commit 1da1819e (June 2026). What it asks of QEMU's CPU is left out: the monitor
/// offers what KVM does.</remarks>
internal static class KvmUnitTestTable
{
    private const string GuestFaults =
        "the emulated processor takes a segment base that is no canonical address, and the image's next access by it is a triple fault; "
        + "QEMU with KVM ends there too, at the same line";

    /// <summary>The runs.</summary>
    public static IReadOnlyList<KvmUnitTest> Runs { get; } =
    [
        new("access", "access_test")
        {
            NotInTheLaboratory =
                "the emulated processor gives page faults of reserved bits another error code, and each of several 100,000 failures is "
                + "printed: without KVM, QEMU printed 434,435 in 300 s and was not at the end",
        },
        new("apic", "apic") { Cpus = 2, Seconds = 120 }, // its 200,000 NMIs took the laboratory 5 to 9 minutes
        new("asyncpf", "asyncpf") { MemoryMiB = 2048 },
        new("cet", "cet") { Cpus = 2, MemoryMiB = 2048 },
        new("cmpxchg8b", "cmpxchg8b"),
        new("debug", "debug")
        {
            NotInTheLaboratory =
                "the emulated processor hangs at a single step over MOV SS and ICEBP; QEMU hangs at the same line, with KVM and without",
        },
        new("dummy", "dummy"),
        new("emulator", "emulator"),
        new("eventinj", "eventinj"),
        new("hypercall", "hypercall"),
        new("idt_test", "idt_test"),
        new("ioapic", "ioapic") { Cpus = 4 },
        new("kvmclock_test", "kvmclock_test", "10000000 NOW") { Cpus = 2 },
        new("la57", "la57") { NotInTheLaboratory = GuestFaults },
        new("lam", "lam"),
        new("memory", "memory"),
        new("msr", "msr") { NotInTheLaboratory = GuestFaults },
        new("pcid", "pcid"),
        new("pks", "pks"),
        new("pku", "pku"),
        new("rdpru", "rdpru"),
        new("realmode", "realmode"),
        new("rmap_chain", "rmap_chain"),
        new("setjmp", "setjmp"),
        new("sieve", "sieve") { Seconds = 180 },
        new("smap", "smap"),
        new("smptest", "smptest") { Cpus = 2 },
        new("smptest3", "smptest") { Cpus = 3 },
        new("syscall", "syscall"),
        new("taskswitch", "taskswitch"),
        new("taskswitch2", "taskswitch2"),
        new("tsc", "tsc"),
        new("tsc_adjust", "tsc_adjust"),
        new("tscdeadline_latency", "tscdeadline_latency", "200000 1000"), // its own 10,000 lines take a serial port a while
        new("tsx-ctrl", "tsx-ctrl"),
        new("umip", "umip"),
        new("vmexit_cpuid", "vmexit", "cpuid"),
        new("vmexit_vmcall", "vmexit", "vmcall"),
        new("vmexit_mov_from_cr8", "vmexit", "mov_from_cr8"),
        new("vmexit_mov_to_cr8", "vmexit", "mov_to_cr8"),
        new("vmexit_inl_pmtimer", "vmexit", "inl_from_pmtimer"),
        new("vmexit_ipi", "vmexit", "ipi") { Cpus = 2 },
        new("vmexit_ipi_halt", "vmexit", "ipi_halt") { Cpus = 2 },
        new("vmexit_ple_round_robin", "vmexit", "ple_round_robin"),
        new("vmexit_tscdeadline", "vmexit", "tscdeadline"),
        new("vmexit_tscdeadline_immed", "vmexit", "tscdeadline_immed"),
        new("vmexit_cr0_wp", "vmexit", "toggle_cr0_wp") { Cpus = 2 },
        new("vmexit_cr4_pge", "vmexit", "toggle_cr4_pge") { Cpus = 2 },
        new("xsave", "xsave"),
    ];

    /// <summary>Images that are not run, each with its reason.</summary>
    public static IReadOnlyDictionary<string, string> NotClaimed { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["hpet_read_test"] = "this machine has no HPET, and unittests.cfg does not run it",
        ["hyperv_clock"] = "Hyper-V's interface is not offered",
        ["hyperv_connections"] = "Hyper-V's interface is not offered",
        ["hyperv_stimer"] = "Hyper-V's interface is not offered",
        ["hyperv_synic"] = "Hyper-V's interface is not offered",
        ["init"] = "unittests.cfg does not run it; it wants a BIOS that goes on at 40:67 after a reset",
        ["intel-iommu"] = "wants QEMU's intel-iommu and edu devices",
        ["pmu"] = "no PMU is offered",
        ["pmu_lbr"] = "no PMU is offered",
        ["pmu_pebs"] = "no PMU is offered",
        ["s3"] = "wants suspend to RAM, which a hardware-reduced ACPI machine does not have",
        ["svm"] = "nested SVM is not offered",
        ["svm_npt"] = "nested SVM is not offered",
        ["vmware_backdoors"] = "wants VMware's port and a parameter of the kvm module",
        ["vmx"] = "nested VMX is not offered",
    };

    /// <summary>What to run of the images of a folder; one that is not in the table is run as it is.</summary>
    /// <param name="images">Their names, without <c>.flat</c>.</param>
    public static IEnumerable<KvmUnitTest> For(IReadOnlyCollection<string> images) =>
        Runs.Where(run => images.Contains(run.Image))
            .Concat(images
                .Where(static image => !NotClaimed.ContainsKey(image) && !Runs.Any(run => run.Image == image))
                .Select(static image => new KvmUnitTest(image, image)));
}
