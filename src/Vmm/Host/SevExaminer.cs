using System.Globalization;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Host;

/// <summary>Examines what a host has for SEV, SEV-ES and SEV-SNP guests, and says what follows for <c>kvmsev run</c>.</summary>
internal sealed class SevExaminer
{
    private const string Sev = "sev";
    private const string Limits = "limits";
    private const string NoneYet = "no guest of any kind could be tried";
    private static readonly string[] ModuleParameters = ["sev", "sev_es", "sev_snp"];

    private readonly HostPaths _paths;
    private readonly HostCheckList _checks;

    /// <summary>Prepares an examination.</summary>
    /// <param name="paths">Where the host shows what it has.</param>
    /// <param name="checks">Takes what is found.</param>
    internal SevExaminer(HostPaths paths, HostCheckList checks)
    {
        _paths = paths;
        _checks = checks;
    }

    /// <summary>Examines the host.</summary>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="otherObstacle">What stands in the way of any guest of these kinds, or null.</param>
    /// <returns>The verdicts for SEV, SEV-ES and SEV-SNP.</returns>
    internal ModeVerdict[] Examine(KvmDevice kvm, string? otherObstacle)
    {
        string? noSev = CheckKvm(kvm);
        CheckVmTypes(kvm, noSev);
        CheckModule();
        string? noDevice = CheckDevice();
        MemoryLockLimit lockLimit = CheckMemoryLock();
        string? obstacle = noSev ?? noDevice ?? otherObstacle;
        string? notPinned = lockLimit.IsEnough ? null : $"guest RAM cannot be pinned: memlock is {lockLimit.Words}";
        ModeVerdict[] verdicts =
        [
            Try(kvm, SevMode.Sev, obstacle, notPinned),
            Try(kvm, SevMode.SevEs, obstacle, notPinned),

            // The pages of a SNP guest belong to the kernel, which pins none.
            Try(kvm, SevMode.SevSnp, obstacle, afterwards: null),
        ];
        CheckAsids(kvm, verdicts, obstacle);
        return verdicts;
    }

    /// <summary>Checks what KVM itself says of SEV.</summary>
    /// <returns>What stands in the way of a SEV guest, or null.</returns>
    private string? CheckKvm(KvmDevice kvm)
    {
        string? obstacle;
        try
        {
            using KvmVm vm = kvm.CreateVm();
            obstacle = vm.ProbeMemoryEncryption() is { } errno
                ? $"KVM_MEMORY_ENCRYPT_OP answers {(Errno)errno} ({errno}): this KVM offers no SEV"
                : null;
        }
        catch (KvmException refused)
        {
            obstacle = RefusalWords.Of(refused).Message;
        }

        _checks.Add(
            "kvm-sev",
            Sev,
            obstacle is null,
            "KVM offers SEV (KVM_MEMORY_ENCRYPT_OP)",
            obstacle ?? "KVM_MEMORY_ENCRYPT_OP answers",
            "needs an EPYC processor with SEV enabled in the BIOS (SMEE), and kvm_amd loaded with sev=1");
        return obstacle;
    }

    private void CheckVmTypes(KvmDevice kvm, string? noSev)
    {
        const string Name = "vm-types";
        const string Description = "how SEV guests are made (KVM_CAP_VM_TYPES)";
        if (noSev is not null)
        {
            _checks.Skip(Name, Sev, Description, noSev);
            return;
        }

        uint mask = (uint)kvm.CheckExtension(KvmCap.VmTypes);
        string types = string.Join(
            ", ",
            Enum.GetValues<KvmVmType>().Where(type => (mask & (1u << (int)type)) != 0).Select(static type => type.ToString()));
        bool hasInit2 = (mask & (1u << (int)KvmVmType.Sev)) != 0;
        _checks.Add(
            Name,
            Sev,
            true,
            Description,
            string.Create(CultureInfo.InvariantCulture, $"0x{mask:x} ({types}): guests are made by ")
                + (hasInit2 ? "KVM_SEV_INIT2" : "KVM_SEV_INIT and KVM_SEV_ES_INIT (KVM_SEV_INIT2 needs Linux 6.10, SEV-SNP 6.11)"));
    }

    private void CheckModule()
    {
        const string Name = "kvm-amd-parameters";
        const string Description = "kvm_amd is loaded with sev=1 (sev_es and sev_snp for the other kinds)";
        if (!Directory.Exists(_paths.ModuleParameters))
        {
            _checks.Skip(Name, Sev, Description, $"kvm_amd is not loaded (there is no {_paths.ModuleParameters})");
            return;
        }

        string[] values = [.. ModuleParameters.Select(ReadParameter)];
        string text = string.Join(' ', ModuleParameters.Zip(values, static (name, value) => $"{name}={value}"));
        _checks.Add(
            Name,
            Sev,
            values[0] is "Y" or "1",
            Description,
            text,
            "modprobe -r kvm_amd && modprobe kvm_amd sev=1 sev_es=1 sev_snp=1; to keep it, the same options in /etc/modprobe.d");
    }

    private string ReadParameter(string name)
    {
        try
        {
            return File.ReadAllText(Path.Combine(_paths.ModuleParameters, name)).Trim();
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return "absent";
        }
    }

    /// <summary>Checks the firmware's device.</summary>
    /// <returns>What stands in the way of a SEV guest, or null.</returns>
    private string? CheckDevice()
    {
        const string DeviceName = "sev-device";
        const string DeviceDescription = "the PSP device opens for reading and writing";
        const string FirmwareName = "sev-firmware";
        const string FirmwareDescription = "the firmware answers (SEV_PLATFORM_STATUS)";
        SevDevice device;
        try
        {
            device = SevDevice.Open(_paths.Sev);
        }
        catch (KvmException refused)
        {
            (string message, string? hint) = RefusalWords.Of(refused);
            _checks.Add(
                DeviceName,
                Sev,
                false,
                DeviceDescription,
                message + ModeOf(_paths.Sev),
                hint ?? "run as root, or give your group access to the device by a udev rule");
            _checks.Skip(FirmwareName, Sev, FirmwareDescription, $"{_paths.Sev} does not open");
            return $"{_paths.Sev} does not open";
        }

        using (device)
        {
            _checks.Add(DeviceName, Sev, true, DeviceDescription, $"{_paths.Sev} opens{ModeOf(_paths.Sev)}");
            try
            {
                using KernelSevPlatform platform = new(device);
                SevPlatformStatus status = platform.GetStatus();
                string owner = status.IsExternallyOwned ? "externally owned" : "self-owned";
                string encryptedState = status.IsEsEnabled ? "set up for SEV-ES" : "not set up for SEV-ES";
                _checks.Add(
                    FirmwareName,
                    Sev,
                    true,
                    FirmwareDescription,
                    $"version {status.Firmware}, {owner}, {encryptedState}, {status.GuestCount} guests");
                return null;
            }
            catch (SevCommandFailedException refused)
            {
                (string message, string? hint) = RefusalWords.Of(refused);
                _checks.Add(FirmwareName, Sev, false, FirmwareDescription, message, hint ?? "read what ccp wrote to dmesg");
                return "the firmware does not answer";
            }
        }
    }

    private static string ModeOf(string path)
    {
        try
        {
            return $" (mode {Convert.ToString((int)File.GetUnixFileMode(path), 8).PadLeft(4, '0')})";
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException)
        {
            return string.Empty;
        }
    }

    private MemoryLockLimit CheckMemoryLock()
    {
        MemoryLockLimit limit = MemoryLockLimit.Read(_paths.Process);
        _checks.Add(
            "memlock",
            Limits,
            limit.IsEnough,
            "enough memory may be pinned (SEV and SEV-ES pin all guest RAM, the other modes none)",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{limit.Words}; a SEV or SEV-ES guest of 512 MiB wants {MemoryLockLimit.DefaultNeed >> 10} KiB"),
            MemoryLockLimit.Cure);
        return limit;
    }

    /// <summary>Begins the launch of a guest, and ends it.</summary>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="mode">The kind.</param>
    /// <param name="obstacle">Why it is not even tried, or null.</param>
    /// <param name="afterwards">What stops a guest that could be begun, or null.</param>
    private ModeVerdict Try(KvmDevice kvm, SevMode mode, string? obstacle, string? afterwards)
    {
        string word = SevModeWords.WordFor(mode);
        string description = $"the launch of a {word} guest begins (tried)";
        if (obstacle is not null)
        {
            _checks.Skip($"{word}-guest", Sev, description, obstacle);
            return new(mode, false, obstacle);
        }

        try
        {
            _checks.Add($"{word}-guest", Sev, true, description, SevGuestProbe.Run(kvm, mode, _paths.Sev));
            string needs = mode == SevMode.SevSnp ? "; it needs guest firmware" : string.Empty;
            return afterwards is null
                ? new(mode, true, $"the launch of such a guest begins{needs}; {SevModeWords.ProtectionFor(mode)}")
                : new(mode, false, afterwards);
        }
        catch (Exception refused) when (RefusalWords.IsRefusal(refused))
        {
            (string message, string? hint) = RefusalWords.Of(refused);
            _checks.Add($"{word}-guest", Sev, false, description, message, hint);
            return new(mode, false, message);
        }
    }

    /// <summary>Says of ASIDs what is known. Whether one is free has been tried; taking all to count them would stop others.</summary>
    private void CheckAsids(KvmDevice kvm, ModeVerdict[] verdicts, string? obstacle)
    {
        const string Name = "asids";
        const string Description = "an ASID is free for each kind of guest (tried, by beginning a launch)";
        if (obstacle is not null)
        {
            _checks.Skip(Name, Limits, Description, obstacle);
            return;
        }

        string[] free =
        [
            .. verdicts
                .Select(static verdict => SevModeWords.WordFor(verdict.Mode))
                .Where(word => _checks.Checks.Any(check => check.Name == word + "-guest" && check.Status == CheckStatus.Pass)),
        ];
        string tried = free.Length == 0 ? NoneYet : "free for " + string.Join(", ", free);
        _checks.Add(
            Name,
            Limits,
            free.Length > 0,
            Description,
            string.Join("; ", AsidUse.Describe(kvm.GetSupportedCpuid(), _paths).Prepend(tried)),
            "end another SEV guest, or divide the ASIDs otherwise in the firmware set-up (SEV-ES ASID space limit)");
    }
}
