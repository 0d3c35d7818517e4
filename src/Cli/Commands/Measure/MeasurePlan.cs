using System.Globalization;
using System.Security.Cryptography;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>What <c>measure</c> is asked for: the options with their meaning, their files read.</summary>
internal sealed class MeasurePlan : IDisposable
{
    /// <summary>The C-bit of AMD's processors since Milan.</summary>
    private const int UsualCBit = 51;

    private const string DefaultMemory = "512M";
    private const ulong MaximumDirectVcpus = 255;
    private const uint EncryptedState = 1 << 2;

    private readonly MeasureOptions _options;
    private readonly List<string> _notes = [];

    private readonly MeasureBundle? _bundle;
    private readonly bool _isPolicyGiven;

    private MeasurePlan(MeasureOptions options, MeasureSev sev, MeasureBundle? bundle, bool isPolicyGiven)
    {
        _isPolicyGiven = isPolicyGiven;
        _options = options;
        _bundle = bundle;
        Sev = sev;
    }

    /// <summary>What <c>--sev</c> says.</summary>
    internal MeasureSev Sev { get; }

    /// <summary>The launch.</summary>
    internal ILaunchSubject Subject { get; private set; } = new DigestSubject([]);

    /// <summary>The policy of a SEV or SEV-ES guest; of no account for SEV-SNP.</summary>
    internal SevPolicy Policy { get; private set; }

    /// <summary>The policy of a SEV-SNP guest; of no account for the others.</summary>
    internal SnpPolicy SnpPolicy { get; private set; }

    /// <summary>What makes measurements; null without a TIK.</summary>
    internal MeasurementKey? Key { get; private set; }

    /// <summary>The nonce, 16 bytes; null where none is given.</summary>
    internal byte[]? Nonce { get; private set; }

    /// <summary>What must come out.</summary>
    internal List<Expectation> Expectations { get; } = [];

    /// <summary>What was compared already: files by themselves.</summary>
    internal List<MeasureDocument.ExpectationPart> Comparisons { get; } = [];

    /// <summary>The ID block's keys and names; null where none is wanted.</summary>
    internal IdBlockRequest? IdBlock { get; private set; }

    /// <summary>What was assumed and what was found in files, one sentence each.</summary>
    internal IReadOnlyList<string> Notes => _notes;

    /// <summary>Gives the options their meaning, and opens and reads their files.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="UsageException">They make no sense.</exception>
    /// <exception cref="InvalidInputException">A file or value is wrong; names the field.</exception>
    /// <exception cref="SevFormatException">A file or value is wrong; names the field.</exception>
    internal static MeasurePlan Create(MeasureOptions options)
    {
        MeasureBundle? bundle = options.Bundle is string path ? MeasureBundle.Read(path) : null;
        MeasureSev? given = options.Sev is string text ? MeasureSev.Parse(text) : null;
        MeasureSev sev = given?.CompleteFrom(bundle?.Sev) ?? bundle?.Sev
            ?? throw new UsageException("--sev is required", "write --sev sev, sev-es or sev-snp");
        MeasureOptionCheck.Check(options, sev.Mode);
        MeasurePlan plan = new(options, sev, bundle, isPolicyGiven: given?.Policy is not null || given?.SnpPolicy is not null);
        plan.ReadPolicy();
        plan.ReadMeasurement();
        plan.IdBlock = IdBlockRequest.Read(options);
        plan.Subject = plan.OpenSubject();
        return plan;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        IdBlock?.Dispose();
        Subject.Dispose();
    }

    private void ReadPolicy()
    {
        bool isEs = Sev.Mode == LaunchMode.SevEs;
        SnpPolicy = Sev.SnpPolicy ?? SnpPolicy.Default;
        Policy = Sev.Policy ?? new SevPolicy(SevLaunchInput.DefaultPolicy | (isEs ? EncryptedState : 0));
        IReadOnlyList<string> problems = Sev.Mode == LaunchMode.Snp ? SnpPolicy.GetProblems() : Policy.GetProblems();
        if (problems is [string problem, ..])
        {
            throw new InvalidInputException(MeasureSev.Option, "policy", problem.TrimEnd('.'));
        }

        if (Sev.Mode != LaunchMode.Snp && Policy.EncryptedState != isEs)
        {
            throw new InvalidInputException(
                MeasureSev.Option,
                "policy",
                isEs ? $"{Policy} lacks bit 2 (ES), which mode sev-es needs" : $"{Policy} has bit 2 (ES), which needs mode sev-es");
        }
    }

    private void ReadMeasurement()
    {
        Nonce = _options.Nonce is string nonce ? Read("--nonce", nonce, "nonce", LaunchMeasurement.NonceSize) : null;
        if ((_options.Tik ?? _options.Tk) is not null)
        {
            byte[] tik = _options.Tik is string path
                ? ReadFile("--tik", path, "TIK", TransportKeys.KeySize)
                : ReadFile("--tk", _options.Tk!, "TEK and TIK", TransportKeys.CombinedSize)[TransportKeys.KeySize..];
            SevFirmwareVersion version = _options.FirmwareVersion is string given
                ? VersionValue.ParseFirmware("--firmware-version", given)
                : _bundle?.Firmware ?? throw new UsageException(
                    "--firmware-version is required with a TIK", "the measurement depends on it; 'kvmsev platform status' tells it");
            Key = new MeasurementKey(tik, version, Policy);
        }

        if (_options.Measurement is string measurement)
        {
            byte[] blob = Read("--measurement", measurement, "measurement with its nonce", LaunchMeasurement.Size);
            Nonce = blob[LaunchMeasurement.MeasureSize..];
            Expectations.Add(new Expectation("--measurement", blob, Key, Nonce));
        }

        if (_options.Expect is string expect)
        {
            int[] sizes = Sev.Mode == LaunchMode.Snp ? [SnpLaunchDigest.Size]
                : Key is null ? [SevLaunchDigest.Size]
                : [SevLaunchDigest.Size, LaunchMeasurement.Size];
            Expectations.Add(new Expectation("--expect", Read("--expect", expect, "digest or measurement", sizes), Key, Nonce));
        }

        if (_bundle is { } bundle)
        {
            _notes.Add(bundle.Describe());
            if (!_isPolicyGiven)
            {
                string policy = Sev.Mode == LaunchMode.Snp ? SnpPolicy.ToString() : Policy.ToString();
                _notes.Add($"the policy {policy} is the bundle's too: is it yours?");
            }

            AddBundlesClaim(bundle);
        }

        if (Key is not null && Nonce is null && !Expectations.Exists(static expectation => expectation.IsBlob))
        {
            throw new UsageException("--nonce or --measurement is required with a TIK", "the measurement depends on the firmware's nonce");
        }
    }

    // Given values come first: they are the owner's.
    private void AddBundlesClaim(MeasureBundle bundle)
    {
        if (bundle.Snp is { } snp && _options.FirmwareOnly)
        {
            Expectations.Add(new Expectation("firmware digest of the bundle", snp.FirmwareDigest, null, null));
        }
        else if (Key is null || bundle.Measurement is null)
        {
            Expectations.Add(new Expectation("launch digest of the bundle", bundle.LaunchDigest, null, null));
        }
        else if (_options.Measurement is null && _options.Nonce is null)
        {
            Nonce = bundle.Measurement[LaunchMeasurement.MeasureSize..];
            Expectations.Add(new Expectation("measurement of the bundle", bundle.Measurement, Key, Nonce));
        }
    }

    private ILaunchSubject OpenSubject()
    {
        if (_options.LaunchDigest is string digest)
        {
            int size = Sev.Mode == LaunchMode.Snp ? SnpLaunchDigest.Size : SevLaunchDigest.Size;
            return new DigestSubject(Read("--launch-digest", digest, "launch digest", size));
        }

        return _options.Firmware is string firmware ? OpenFirmware(firmware) : OpenDirect();
    }

    private DirectSubject OpenDirect()
    {
        if (Sev.CBitPosition is null)
        {
            _notes.Add($"cbitpos is not given: {UsualCBit} is assumed, "
                + (Sev.IsSimulated
                    ? "but a simulated guest has its highest address bit"
                    : "as on EPYC since Milan (47 on Naples and Rome)"));
        }

        DirectLaunchInputs inputs = new()
        {
            Machine = _options.WithDevices(new VmConfig
            {
                Boot = new BootConfig(_options.Kernel!, _options.Initramfs, _options.CommandLine ?? string.Empty)
                {
                    HasSecretPage = _options.SecretPage || _bundle is { HasSecretPage: true },
                },
                MemoryBytes = _options.Memory is null && _bundle is not null
                    ? _bundle.MemoryBytes
                    : MemoryValue.Parse(_options.Memory ?? DefaultMemory),
                VcpuCount = ReadVcpuCount(MaximumDirectVcpus),
            }),
            Kind = Sev.Mode == LaunchMode.SevEs ? SevGuestKind.SevEs : SevGuestKind.Sev,
            CBitPosition = Sev.CBitPosition ?? UsualCBit,
            InitInterface = Sev.IsLegacyInit == true ? SevInitInterface.Legacy : SevInitInterface.Init2,
        };
        if (inputs.Kind == SevGuestKind.SevEs)
        {
            NoteInitInterface();
            inputs = inputs with { CpuSignature = ReadSignature(inputs.CpuSignature, isNeeded: inputs.Machine.VcpuCount > 1) };
        }

        return new DirectSubject(inputs);
    }

    private int ReadVcpuCount(ulong maximum) => _options.Cpus is null && _bundle is not null
        ? _bundle.VcpuCount
        : (int)NumberValue.Parse("--cpus", _options.Cpus ?? "1", 1, maximum);

    private void NoteInitInterface()
    {
        if (Sev.IsLegacyInit is null)
        {
            _notes.Add("legacy-vm-type is not given: off is assumed, as on Linux 6.10 and newer");
        }
    }

    private uint ReadSignature(uint usual, bool isNeeded)
    {
        if (_options.CpuModel is string model)
        {
            return ParseModel(model);
        }

        if (_bundle is not null)
        {
            return _bundle.CpuSignature;
        }

        if (isNeeded)
        {
            _notes.Add($"--cpu-model is not given: {CpuModels.Describe(usual)} is assumed");
        }

        return usual;
    }

    private FirmwareSubject OpenFirmware(string path)
    {
        // Looked at first: it names the option, and opens no FIFO.
        FileKind.OpenInput("--firmware", path).Dispose();
        OvmfFirmware firmware = OvmfFirmware.Read(path);
        CompareWithBundle(firmware);
        VmsaProfile profile = _options.Vmm is string vmm ? VmmValue.Parse(vmm)
            : _bundle?.Snp is { } launched ? launched.Profile
            : Sev.IsLegacyInit == true ? VmsaProfile.QemuLegacyInit
            : VmsaProfile.QemuInit2;
        LaunchInputs inputs = new()
        {
            Mode = Sev.Mode,
            Firmware = firmware,
            Kernel = ReadKernelHashes(),
            VcpuCount = ReadVcpuCount(LaunchInputs.MaximumVcpuCount),
            Profile = profile,
            SevFeatures = _options.SevFeatures is string features
                ? NumberValue.Parse("--sev-features", features)
                : _bundle?.Snp?.SevFeatures,
            FirmwareDigest = _options.OvmfHash is string hash
                ? Read("--ovmf-hash", hash, "firmware digest", SnpLaunchDigest.Size)
                : (ReadOnlyMemory<byte>?)null,
        };
        inputs = inputs with { Vmsas = ReadVmsas(inputs.VcpuCount) };
        bool needsProcessor = Sev.Mode != LaunchMode.Sev && inputs.Vmsas is null && VmmValue.ShowsCpuSignature(profile)
            && !_options.FirmwareOnly;
        if (needsProcessor && Sev.Mode == LaunchMode.SevEs && _options.Vmm is null)
        {
            NoteInitInterface();
        }

        inputs = inputs with { CpuSignature = ReadSignature(inputs.CpuSignature, needsProcessor) };
        return new FirmwareSubject(inputs, _options.FirmwareOnly, new MeasureDocument.SubjectPart(
            _options.FirmwareOnly ? "firmware-only" : "firmware",
            _options.Kernel,
            _options.Initramfs,
            _options.Kernel is null ? null : _options.CommandLine ?? string.Empty,
            path,
            inputs.Kernel is not null));
    }

    // The launch digest covers the image too; its hash by itself tells whether the image is the difference.
    private void CompareWithBundle(OvmfFirmware firmware)
    {
        if (_bundle?.Snp is not { } bundle)
        {
            return;
        }

        if (bundle.HasKernelHashes && _options.Kernel is null && !_options.FirmwareOnly)
        {
            throw new UsageException(
                "--kernel is required: the bundle's launch measured one", "give --initramfs and --cmdline too, as for run");
        }

        if (_options.OvmfHash is null)
        {
            bool isSame = SHA384.HashData(firmware.Image.Span).AsSpan().SequenceEqual(bundle.FirmwareSha384);
            Comparisons.Add(new MeasureDocument.ExpectationPart(
                "SHA-384 of the bundle's firmware", Convert.ToHexStringLower(bundle.FirmwareSha384), isSame, null, null));
        }
    }

    private KernelHashes? ReadKernelHashes()
    {
        if (_options.Kernel is not string kernelPath || _options.FirmwareOnly)
        {
            return null;
        }

        if (Sev.HasKernelHashes is not bool isWanted)
        {
            _notes.Add("kernel-hashes is not given: on is assumed, so the kernel is measured");
        }
        else if (!isWanted)
        {
            _notes.Add("kernel-hashes=off: kernel, initramfs and command line are NOT measured, the host can choose others");
            return null;
        }

        using FileStream kernel = FileKind.OpenInput("--kernel", kernelPath);
        using FileStream? initrd = _options.Initramfs is string initramfs ? FileKind.OpenInput("--initramfs", initramfs) : null;
        return KernelHashes.Compute(kernel, initrd, _options.CommandLine);
    }

    private List<ReadOnlyMemory<byte>>? ReadVmsas(int count)
    {
        if (_options.VmsaCpu0 is not string firstPath)
        {
            return null;
        }

        List<ReadOnlyMemory<byte>> pages = [ReadFile("--vmsa-cpu0", firstPath, "VMSA", Vmsa.Size)];
        if (count > 1)
        {
            string path = _options.VmsaCpu1 ?? throw new UsageException("--vmsa-cpu1 is required with --vmsa-cpu0 and more than one vCPU");
            byte[] page = ReadFile("--vmsa-cpu1", path, "VMSA", Vmsa.Size);
            pages.AddRange(Enumerable.Repeat<ReadOnlyMemory<byte>>(page, count - 1));
        }

        return pages;
    }

    private static uint ParseModel(string text)
    {
        try
        {
            return CpuModels.Parse(text);
        }
        catch (SevFormatException error)
        {
            throw new UsageException($"--cpu-model: '{text}' is {error.Problem}");
        }
    }

    private byte[] Read(string option, string text, string field, params ReadOnlySpan<int> sizes) =>
        Note(option, BytesValue.Parse(option, text, field, sizes));

    private byte[] ReadFile(string option, string path, string field, int size) =>
        Note(option, BytesValue.ReadFile(option, path, field, size));

    private byte[] Note(string option, BytesValue value)
    {
        if (value.Path is string path)
        {
            _notes.Add(string.Create(CultureInfo.InvariantCulture, $"{option}: '{path}' is read as {value.Form}"));
        }

        return value.Bytes;
    }
}
