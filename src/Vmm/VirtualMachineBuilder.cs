using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Devices.Firmware;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Host;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using KvmSevVmm.Vmm.Vcpus;
using Serilog;

namespace KvmSevVmm.Vmm;

/// <summary>
/// Builds a machine out of its configuration. Read <see cref="Build"/> as a table of contents: its order is the contract.
/// </summary>
public static class VirtualMachineBuilder
{
    /// <summary>
    /// How long the trial of a hypercall may take before the host counts as one that cannot: longer than doctor's, since a busy host must
    /// not be refused.
    /// </summary>
    private static readonly TimeSpan VmmcallDeadline = TimeSpan.FromSeconds(3);

    /// <summary>KVM_PIT_SPEAKER_DUMMY: KVM answers port 0x61, which Linux calibrates its clock by.</summary>
    private const uint PitSpeakerDummy = 1;

    /// <summary>Builds a machine that is ready to run.</summary>
    /// <param name="config">What it is.</param>
    /// <param name="io">What it reads from and writes to.</param>
    /// <param name="log">The monitor's log.</param>
    /// <returns>The machine; dispose it.</returns>
    /// <exception cref="HostLacksException">The host does not offer what the configuration needs.</exception>
    /// <exception cref="InvalidInputException">A file or a value of the configuration is wrong.</exception>
    /// <exception cref="KvmException">The kernel refused a step.</exception>
    public static VirtualMachine Build(VmConfig config, MachineIo io, ILogger log)
    {
        using var owned = new OwnedResources();
        CheckSupported(config);
        GuestFirmware? firmware = config.Boot.FirmwarePath is null ? null : GuestFirmware.Read(config.Boot, config.Sev.HasKernelHashes);
        KvmDevice kvm = owned.Add(KvmDevice.Open(config.KvmPath));
        CheckHypercalls(config, kvm);
        KvmCpuidEntry2[] supported = kvm.GetSupportedCpuid();
        GuestLaunch? sev = GuestLaunch.TryOpen(config.Sev, kvm, supported, owned, log);
        sev?.Introduce(io.Launch);
        GuestLayout layout = CreateLayout(config, supported, sev, firmware);

        HostMemory.CheckHolds(layout.MemoryBytes);

        // Memory before the VM: it is unmapped last, when no vCPU and no memslot can reach it.
        GuestMemory memory = owned.Add(GuestMemory.Create(layout));
        KvmVm vm = owned.Add(kvm.CreateVm(sev?.VmType ?? KvmVmType.Default));

        // A SEV guest is one from its first vCPU on.
        sev?.Initialize(vm);

        // Exits and irqchip before any vCPU exists: KVM asks for that order.
        ulong exitHypercalls = HypercallExits.Enable(vm, config.ExitHypercalls, isNeeded: config.Sev.Mode != SevMode.None);
        MsrExits.Enable(vm, config.Sev.Mode);
        CreateInterruptControllers(vm);
        PrivateMemory? privateMemory = RegisterMemory(config, vm, memory, owned);
        AcpiTables acpi = AcpiTables.Create(config);
        LoadedImage image = firmware is null ? LoadedImage.Load(config.Boot, acpi, memory) : LoadedImage.LoadFirmware(firmware, memory);
        StopSignal stop = io.Stop;
        ConsoleMatcher? matcher = CreateMatcher(config, stop);
        var hints = new ConsoleHints();
        ConsoleOutput output = owned.Add(new ConsoleOutput(io.Output, matcher, hints: hints));
        var tracker = new SharedRegionTracker(
            layout.RamRanges,
            new SharedRegionTrackerOptions
            {
                Mode = SevModeWords.WordFor(config.Sev.Mode),
                CBit = layout.CBitPosition,
                MemoryBytes = layout.MemoryBytes,
                StartTimestamp = io.StartTimestamp,
            });
        CheckMapFits(tracker, config);
        var guestLog = new BoundedLog(log);
        VirtioConsoleParts? virtioConsole = config.HasConsole ? VirtioConsoleParts.Create(config, io, stop, guestLog, owned) : null;
        FirmwareDevices? firmwareDevices = firmware is null
            ? null
            : owned.Add(FirmwareDevices.Create(config, memory, acpi, tracker, guestLog));
        DebugConsole? debugConsole = io.DebugConsole is { } debugOutput ? owned.Add(new DebugConsole(debugOutput)) : null;
        var mmio = new IoBus();
        bool isTestImage = image.Registers.Protocol == BootProtocol.Multiboot32;
        IoBus ports = AttachDevices(
            config, vm, output, stop, layout, firmwareDevices, debugConsole, isTestImage, out Serial16550 serial);
        if (isTestImage)
        {
            AttachTestDevices(config, vm, memory, ports, mmio, guestLog, owned);
        }

        ports.Freeze();
        var powerButton = new PowerButton(new GsiLine(vm, PowerButton.Gsi));
        ConsoleInput? input = io.Input is { } source
            ? owned.Add(new ConsoleInput(source, InputOf(io, serial, virtioConsole), stop, powerButton, io.Messages))
            : null;
        EventLog? events = io.EventLog is { } eventStream ? owned.Add(new EventLog(eventStream, io.StartTimestamp)) : null;

        // Devices that reach memory come after the map that says what they may reach.
        var failures = new DeviceFailures(stop, log);
        VirtioDeviceSet virtio = owned.Add(VirtioDeviceSet.Attach(
            config,
            DevicePlan.Create(config),
            vm,
            memory,
            config.Sev.Mode == SevMode.None ? null : tracker,
            virtioConsole?.Device,
            mmio,
            guestLog,
            failures.Report));
        mmio.Freeze();
        var migrationControl = new MigrationControl(config.Sev.Mode, tracker);

        // vCPUs last: their CPUID says what has been enabled above, their registers where the image lies.
        uint features = OfferedFeatures(config, exitHypercalls);
        uint signature = CpuidPolicy.GetSignature(supported);
        IReadOnlyList<InitialRegisters> registers = firmware is null
            ? ResetState.ForDirectBoot(image.Registers, config.VcpuCount, signature)
            : ResetState.ForFirmware(firmware, config.VcpuCount, signature, hasProtectedState: HasProtectedState(config));
        WarnOfDevicesWithoutSharing(config, features, log);
        List<KvmVcpu> vcpus = CreateVcpus(config, vm, supported, features, registers, sev, owned);

        // The launch seals what has been loaded and set above; nothing may write to the guest from here on. It may wait for the owner.
        SnpLaunchResult? snpLaunch = sev is { IsSnp: true }
            ? sev.RunSnp(memory, firmware!, CreateCpuid(config, vm, supported, features, sev, 0), registers, io.Launch)
            : null;
        SevLaunchResult? launch = sev is { IsSnp: false } ? sev.Run(memory, image, registers, signature, io.Launch) : null;
        var mapGpaRange = new MapGpaRangeHandler(
            config.HypercallAbi,
            privateMemory is not null || IsAllowed(config, features, KvmFeature.HcMapGpaRange),
            tracker,
            events,
            guestLog,
            privateMemory is null ? null : new MemoryConverter(privateMemory, guestLog));
        foreach (SnpLaunchPiece piece in snpLaunch?.Pieces ?? [])
        {
            mapGpaRange.RecordLaunched(piece.Range);
        }

        var parts = new MachineParts
        {
            Vm = vm,
            Vcpus = [.. vcpus],
            Memory = memory,
            Ports = ports,
            Mmio = mmio,
            Virtio = virtio,
            DeviceFailures = failures,
            RegionSources = [virtio.GetQueueLabels],
            MapGpaRange = mapGpaRange,
            Msrs = new MsrHandler(
                config.Sev.Mode,
                IsAllowed(config, features, KvmFeature.MigrationControl),
                config.UnknownMsrs,
                migrationControl,
                events,
                guestLog),
            MigrationControl = migrationControl,
            Tracker = tracker,
            HypercallAbi = config.HypercallAbi,
            LoadedRegions = LoadedRegions.Of(image, snpLaunch?.Pieces ?? [], config.Sev.Mode, layout.RamRanges),
            ConsoleHints = hints,
            Stop = stop,
            ConsoleOutput = output,
            ConsoleMatcher = matcher,
            VirtioConsole = virtioConsole,
            ConsoleInput = input,
            PowerButton = powerButton,
            Events = events,
            Mode = config.Sev.Mode,
            PrivateApics = config.Sev.Mode == SevMode.Simulated && layout.CBitPosition is { } cBit
                ? [.. vcpus.Select(vcpu => new PrivateLocalApic(vcpu, vm, vcpus.Count, cBit))]
                : [],
            CBitPosition = layout.CBitPosition,
            Launch = launch,
            SnpLaunch = snpLaunch,
            IsLaunchOnly = config.IsLaunchOnly,
            Timeout = config.Timeout,
        };
        return new VirtualMachine(parts, owned.Release(), log);
    }

    internal static ConsoleMatcher? CreateMatcher(VmConfig config, StopSignal stop) => config.Until is { } pattern
        ? new ConsoleMatcher(pattern, () => stop.RequestStop(StopReason.UntilMatched))
        : null;

    private static ISerialInput InputOf(MachineIo io, Serial16550 serial, VirtioConsoleParts? virtioConsole) =>
        io.IsInputForVirtioConsole && virtioConsole is not null ? virtioConsole.Device : serial;

    private static void CheckSupported(VmConfig config)
    {
        if (config.Sev.Mode != SevMode.None && config.Sev.Kind == SevGuestKind.SevSnp && config.Boot.FirmwarePath is null)
        {
            throw new InvalidInputException(
                "--sev", SevModeWords.WordFor(config.Sev.Mode), "a SEV-SNP guest starts with firmware; give one with --firmware");
        }

        if (config.Sev.Mode == SevMode.SevSnp && config.ExitHypercalls is { } mask && (mask & HypercallExits.MapGpaRange) == 0)
        {
            throw new InvalidInputException(
                "--exit-hypercalls", "mask", $"0x{mask:x} lacks 0x1000, without which every page-state change of a SEV-SNP guest fails");
        }

        if (config.Sev.Mode == SevMode.SevSnp && config.HypercallAbi != HypercallAbi.MapGpaRange)
        {
            // The kernel itself makes these calls of the guest's page-state changes; read the other way, shared and private change places.
            throw new InvalidInputException(
                "--hypercall-abi", "ABI", "the page-state changes of a SEV-SNP guest come as map-gpa-range; leave it out");
        }

        if (config.Sev is { Mode: SevMode.Simulated, Kind: SevGuestKind.SevEs or SevGuestKind.SevSnp } && !config.IsLaunchOnly)
        {
            string kind = config.Sev.Kind == SevGuestKind.SevEs ? "sev-es" : "sev-snp";
            throw new HostLacksException(
                $"--sev simulated,kind={kind}: a C-bit alias has no encrypted registers, so this guest cannot run; it can "
                + "be launched and measured",
                "add --launch-only, or leave kind at sev");
        }
    }

    /// <summary>
    /// A guest decides how large its map grows, up to a bound; the bound must fit the managed heap, once for the map and once for each
    /// snapshot that may be held: the one that is written at the end, and those that clients of the control socket read.
    /// </summary>
    private static void CheckMapFits(SharedRegionTracker tracker, VmConfig config)
    {
        const long EverythingElse = 16 << 20;
        int copies = 2 + (config.ApiSocketPath is null ? 0 : ControlServer.MaximumStreams);
        long heap = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if ((tracker.MaximumBytes * copies) + EverythingElse > heap)
        {
            throw new HostLacksException(
                $"--memory: the map of so large a guest can take {tracker.MaximumBytes >> 20} MiB, {copies} times while it is "
                + $"written; the heap has {heap >> 20} MiB",
                "give the guest less with --memory, or raise the heap with DOTNET_GCHeapHardLimit=0x20000000");
        }
    }

    /// <summary>A guest that cannot make its hypercall would hang or die in the middle of its boot, without a word.</summary>
    private static void CheckHypercalls(VmConfig config, KvmDevice kvm)
    {
        if (config.Sev.Mode != SevMode.Simulated || config.IsLaunchOnly)
        {
            return;
        }

        (VmmcallVerdict verdict, string detail) = VmmcallProbe.Run(kvm, VmmcallDeadline);
        if (verdict != VmmcallVerdict.Works)
        {
            throw new HostLacksException(
                $"--sev simulated: {detail}",
                "kvmsev doctor tells more; scripts/lab.sh runs the guest on an emulated AMD host");
        }
    }

    private static GuestLayout CreateLayout(
        VmConfig config, ReadOnlySpan<KvmCpuidEntry2> supported, GuestLaunch? sev, GuestFirmware? firmware) => GuestLayout.Create(
        config.MemoryBytes, CpuidPolicy.GetPhysicalAddressBits(supported), config.Sev.Mode, sev?.CBitPosition, firmware?.Length ?? 0);

    /// <summary>Memslots; those of a SEV-SNP guest have a private half.</summary>
    private static PrivateMemory? RegisterMemory(VmConfig config, KvmVm vm, GuestMemory memory, OwnedResources owned)
    {
        if (config.Sev.Mode == SevMode.SevSnp)
        {
            return owned.Add(PrivateMemory.Register(vm, memory));
        }

        owned.Add(Memslots.Register(vm, memory, config.Sev.Mode));
        return null;
    }

    private static bool HasProtectedState(VmConfig config) =>
        config.Sev.Mode != SevMode.None && config.Sev.Kind is SevGuestKind.SevEs or SevGuestKind.SevSnp;

    private static void CreateInterruptControllers(KvmVm vm)
    {
        vm.SetTssAddr(GuestLayout.KvmTssAddress);
        vm.SetIdentityMapAddr(GuestLayout.KvmIdentityMapAddress);
        vm.CreateIrqChip();
        MaskLegacyPics(vm);
        vm.CreatePit2(PitSpeakerDummy);

        // No guest of ours keeps time by counting ticks, and while lost ones are made up for, kvm_amd does without AVIC.
        vm.SetPitReinjection(false);
    }

    /// <summary>
    /// Leaves the two PICs as a BIOS does that has none to use: masked. A guest of a hardware-reduced ACPI machine never initialises them,
    /// and a serial port's interrupt would reach it a second time, under the vector of an exception.
    /// </summary>
    private static void MaskLegacyPics(KvmVm vm)
    {
        foreach (KvmIrqchipId id in (ReadOnlySpan<KvmIrqchipId>)[KvmIrqchipId.PicMaster, KvmIrqchipId.PicSlave])
        {
            KvmIrqchip pic = vm.GetIrqChip((uint)id);
            pic.Pic.Imr = byte.MaxValue;
            vm.SetIrqChip(pic);
        }
    }

    /// <summary>
    /// Leaves the PICs to an image of kvm-unit-tests as a BIOS does: with their vectors, and the one line open that "realmode" raises and
    /// waits for. Images that leave real mode mask both PICs first.
    /// </summary>
    private static void OpenTestInterrupt(KvmVm vm)
    {
        SetPic(KvmIrqchipId.PicMaster, vector: 0x08, openLine: 2); // to which the other one is wired
        SetPic(KvmIrqchipId.PicSlave, vector: 0x70, openLine: TestDevice.RealModeInterrupt - 8);

        void SetPic(KvmIrqchipId id, byte vector, int openLine)
        {
            KvmIrqchip pic = vm.GetIrqChip((uint)id);
            pic.Pic.IrqBase = vector;
            pic.Pic.Imr = (byte)~(1 << openLine);
            vm.SetIrqChip(pic);
        }
    }

    private static IoBus AttachDevices(
        VmConfig config,
        KvmVm vm,
        ConsoleOutput output,
        StopSignal stop,
        GuestLayout layout,
        FirmwareDevices? firmware,
        DebugConsole? debugConsole,
        bool isTestImage,
        out Serial16550 serial)
    {
        var ports = new IoBus();
        serial = new Serial16550(new GsiLine(vm, Serial16550.Com1Irq), output);
        ports.Register(Serial16550.Com1Port, Serial16550.WindowLength, serial, "com1");
        var keyboard = new I8042(stop, new GsiLine(vm, I8042.KeyboardIrq));
        ports.Register(I8042.DataPort, 1, keyboard.Data, "i8042-data");
        ports.Register(I8042.CommandPort, 1, keyboard.Command, "i8042-command");
        ports.Register(
            CmosRtc.Port,
            CmosRtc.WindowLength,
            new CmosRtc(TimeProvider.System, layout.LowRam.Length, layout.HighRam.Length),
            "cmos-rtc");
        ports.Register(PostCode.Port, 1, new PostCode(), "post-code");
        var reset = new ResetPort(stop);
        if (firmware is null)
        {
            ports.Register(ResetPort.Port, ResetPort.WindowLength, reset, "reset");
        }
        else
        {
            firmware.Attach(ports, reset, stop);
        }

        if (debugConsole is not null)
        {
            ports.Register(DebugConsole.Port, 1, debugConsole, "debug-console");
        }

        ports.Register(SleepControl.ControlPort, SleepControl.WindowLength, new SleepControl(stop), "sleep-control");
        ports.Register(PanicPort.Port, 1, new PanicPort(stop), "pvpanic");
        if ((config.DebugExitPort ?? (isTestImage ? DebugExit.UnitTestPort : null)) is { } port)
        {
            ports.Register(port, DebugExit.WindowLength, new DebugExit(stop), "debug-exit");
        }

        return ports;
    }

    /// <summary>What the images of kvm-unit-tests look for, and nobody else.</summary>
    private static void AttachTestDevices(
        VmConfig config, KvmVm vm, GuestMemory memory, IoBus ports, IoBus mmio, BoundedLog log, OwnedResources owned)
    {
        OpenTestInterrupt(vm);
        var device = new TestDevice(gsi => new GsiLine(vm, gsi));
        ports.Register(TestDevice.RegisterPort, TestDevice.RegisterLength, device.Register, "test-register");
        ports.Register(TestDevice.FlushPort, TestDevice.RegisterLength, device.FlushPage, "test-flush");
        ports.Register(TestDevice.ByteRegisterPort, TestDevice.RegisterLength, device.Register, "test-byte-register");
        ports.Register(TestDevice.InterruptPort, TestDevice.InterruptCount, device.InterruptLines, "test-interrupts");
        mmio.Register(TestDevice.MemoryAddress, TestDevice.MemoryLength, device.Memory, "test-memory");
        FwCfgItems items = owned.Add(FwCfgItems.CreateForTestImage(config.VcpuCount, config.MemoryBytes));

        // No SEV guest boots by multiboot, so all of RAM is shared.
        var fwCfg = new FwCfgDevice(items, memory, static _ => true, log);
        ports.Register(FwCfgDevice.Port, FwCfgDevice.WindowLength, fwCfg, "fw-cfg");
    }

    private static List<KvmVcpu> CreateVcpus(
        VmConfig config,
        KvmVm vm,
        KvmCpuidEntry2[] supported,
        uint features,
        IReadOnlyList<InitialRegisters> registers,
        GuestLaunch? sev,
        OwnedResources owned)
    {
        var vcpus = new List<KvmVcpu>(config.VcpuCount);
        for (uint index = 0; index < config.VcpuCount; index++)
        {
            KvmVcpu vcpu = owned.Add(vm.CreateVcpu(index));
            vcpu.SetCpuid2(CreateCpuid(config, vm, supported, features, sev, index));
            if (config.EnforcePvFeatures)
            {
                vcpu.EnableCap(KvmCap.EnforcePvFeatureCpuid, 1);
            }

            if (config.Boot.FirmwarePath is null)
            {
                ResetState.ApplyCommon(vcpu);
            }

            ResetState.Apply(vcpu, registers[(int)index]);
            vcpus.Add(vcpu);
        }

        return vcpus;
    }

    private static KvmCpuidEntry2[] CreateCpuid(
        VmConfig config, KvmVm vm, KvmCpuidEntry2[] supported, uint features, GuestLaunch? sev, uint vcpuIndex) => CpuidPolicy.Create(
        supported,
        new CpuidRequest
        {
            VcpuIndex = vcpuIndex,
            VcpuCount = config.VcpuCount,
            MonitorKvmFeatures = features,
            HiddenKvmFeatures = config.HiddenKvmFeatures,
            HasTscDeadlineTimer = vm.CheckExtension(KvmCap.TscDeadlineTimer) != 0,
            MemoryEncryption = sev?.Leaf,
        });

    /// <summary>The paravirtual features that this monitor answers: a bit is offered only when its exit is enabled.</summary>
    private static uint OfferedFeatures(VmConfig config, ulong exitHypercalls)
    {
        if ((exitHypercalls & HypercallExits.MapGpaRange) == 0)
        {
            return 0;
        }

        uint features = 1u << (int)KvmFeature.HcMapGpaRange;
        if (config.Sev.Mode != SevMode.None && config.Sev.Kind != SevGuestKind.SevSnp)
        {
            // A SEV-SNP guest reports its pages by page-state changes, and cannot be migrated this way.
            features |= 1u << (int)KvmFeature.MigrationControl;
        }

        return features & ~config.HiddenKvmFeatures;
    }

    /// <summary>Only what the guest reports as shared is touched; one that cannot report gets nothing done.</summary>
    private static void WarnOfDevicesWithoutSharing(VmConfig config, uint features, ILogger log)
    {
        if (DevicePlan.Create(config).VirtioDevices.Count > 0
            && config.Sev.Mode != SevMode.None
            && !IsAllowed(config, features, KvmFeature.HcMapGpaRange))
        {
            log.Warning("The guest is not offered the hypercall by which it shares pages: its virtio devices will refuse all its memory");
        }
    }

    /// <summary>Whether the monitor answers a feature: it is offered, or the guest is not held to what is offered.</summary>
    private static bool IsAllowed(VmConfig config, uint features, KvmFeature feature) =>
        !config.EnforcePvFeatures || (features & (1u << (int)feature)) != 0;
}
