using CommandLine;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>The options of <c>measure</c>, as text; <see cref="MeasurePlan"/> gives them their meaning.</summary>
[Verb("measure", HelpText = "Compute beforehand what a SEV launch measures, and compare.")]
internal sealed class MeasureOptions : BootOptions
{
    /// <summary>Memory encryption.</summary>
    [Choices("sev", "sev-es", "sev-snp", "simulated")]
    [Option("sev", MetaValue = "MODE",
        HelpText = "sev, sev-es, sev-snp or simulated; then ,cbitpos=N ,policy=P ,legacy-vm-type=on|off "
            + ",kernel-hashes=on|off, as for run.")]
    public string? Sev { get; set; }

    /// <summary>The firmware image.</summary>
    [Option("firmware", MetaValue = "FILE",
        HelpText = "Guest firmware such as OVMF.fd; with --kernel its hash table is measured too. Also: --ovmf.")]
    public string? Firmware { get; set; }

    /// <summary>The same in the spelling of sev-snp-measure.</summary>
    [Option("ovmf", Hidden = true)]
    public string? Ovmf { get; set; }

    /// <summary>Guest RAM.</summary>
    [Option("memory", MetaValue = "SIZE", HelpText = "Guest RAM of a direct boot: 512M (the default), 4G, size=4G or bytes.")]
    public string? Memory { get; set; }

    /// <summary>Number of vCPUs.</summary>
    [Option("cpus", MetaValue = "N", HelpText = "Number of vCPUs (default: 1). Also: --vcpus.")]
    public string? Cpus { get; set; }

    /// <summary>The same in the spelling of sev-snp-measure.</summary>
    [Option("vcpus", Hidden = true)]
    public string? Vcpus { get; set; }

    /// <summary>The processor model.</summary>
    [Option("cpu-model", MetaValue = "MODEL",
        HelpText = "Processor of the guest: EPYC, EPYC-Rome, EPYC-Milan, EPYC-Genoa, EPYC-Turin or CPUID Fn1 EAX; it shows in the "
            + "registers of SEV-ES and SEV-SNP. Also: --cpu-signature.")]
    public string? CpuModel { get; set; }

    /// <summary>The same as a number.</summary>
    [Option("cpu-signature", Hidden = true)]
    public string? CpuSignature { get; set; }

    /// <summary>The monitor.</summary>
    [Option("vmm", MetaValue = "NAME",
        HelpText = "Who launches a firmware guest: qemu (the default), qemu-legacy, ec2, ec2-early or gce. Also: --vmm-type.")]
    public string? Vmm { get; set; }

    /// <summary>The same in the spelling of sev-snp-measure.</summary>
    [Option("vmm-type", Hidden = true)]
    public string? VmmType { get; set; }

    /// <summary>SEV_FEATURES.</summary>
    [Option("sev-features", MetaValue = "MASK",
        HelpText = "SEV_FEATURES in the VMSAs: 0x1 for SEV-SNP, 0x21 with DebugSwap. Also: --guest-features.")]
    public string? SevFeatures { get; set; }

    /// <summary>The same in the spelling of sev-snp-measure.</summary>
    [Option("guest-features", Hidden = true)]
    public string? GuestFeatures { get; set; }

    /// <summary>The VMSA of the first vCPU.</summary>
    [Option("vmsa-cpu0", MetaValue = "FILE", HelpText = "VMSA of the first vCPU of a firmware guest, 4096 bytes.")]
    public string? VmsaCpu0 { get; set; }

    /// <summary>The VMSA of the other vCPUs.</summary>
    [Option("vmsa-cpu1", MetaValue = "FILE", HelpText = "VMSA of its other vCPUs, 4096 bytes.")]
    public string? VmsaCpu1 { get; set; }

    /// <summary>The digest of a firmware image to go on from.</summary>
    [Option("ovmf-hash", MetaValue = "HEX",
        HelpText = "Go on from this SEV-SNP digest of the firmware's pages; the file is read for its table.")]
    public string? OvmfHash { get; set; }

    /// <summary>Whether to stop after the firmware's pages.</summary>
    [Option("firmware-only", HelpText = "The SEV-SNP digest after the firmware's own pages, for --ovmf-hash.")]
    public bool FirmwareOnly { get; set; }

    /// <summary>What the host says of the launch.</summary>
    [Option("bundle", MetaValue = "FILE",
        HelpText = "Take from a launch bundle (run --launch-bundle) what is not given: mode, policy, C-bit, memory, vCPUs, firmware "
            + "version; and compare with its measurement, or without --tik with its digest.")]
    public string? Bundle { get; set; }

    /// <summary>A digest that is known already.</summary>
    [Option("launch-digest", MetaValue = "DIGEST", HelpText = "Take this launch digest instead of computing one.")]
    public string? LaunchDigest { get; set; }

    /// <summary>The transport integrity key.</summary>
    [Option("tik", MetaValue = "FILE", HelpText = "TIK of the session (16 bytes, raw or base64): compute the measurement too.")]
    public string? Tik { get; set; }

    /// <summary>TEK and TIK.</summary>
    [Option("tk", MetaValue = "FILE", HelpText = "TEK and TIK in one file of 32 bytes, as sev-tool writes it; instead of --tik.")]
    public string? Tk { get; set; }

    /// <summary>The nonce.</summary>
    [Option("nonce", MetaValue = "NONCE", HelpText = "Nonce of the measurement: 16 bytes, hex, base64 or a file.")]
    public string? Nonce { get; set; }

    /// <summary>The firmware's measurement.</summary>
    [Option("measurement", MetaValue = "BLOB",
        HelpText = "What LAUNCH_MEASURE returned (48 bytes, base64, hex or a file): check it; its nonce is taken.")]
    public string? Measurement { get; set; }

    /// <summary>The firmware's version.</summary>
    [Option("firmware-version", MetaValue = "M.N.B", HelpText = "SEV firmware of the platform, API major, minor and build: 1.55.25.")]
    public string? FirmwareVersion { get; set; }

    /// <summary>What must come out.</summary>
    [Option("expect", MetaValue = "VALUE",
        HelpText = "Exit with 1 unless this comes out: launch digest, with --tik also measurement; hex, base64 or a file. "
            + "Names the variant that fits.")]
    public string? Expect { get; set; }

    /// <summary>Whether to print every piece.</summary>
    [Option("explain", HelpText = "Print what is measured, in order.")]
    public bool Explain { get; set; }

    /// <summary>The form of the answer.</summary>
    [Choices("hex", "base64")]
    [Option("format", MetaValue = "FORM",
        HelpText = "hex or base64; default: hex for a digest, base64 for a measurement. Also: --output-format.")]
    public string? Format { get; set; }

    /// <summary>The same in the spelling of sev-snp-measure.</summary>
    [Option("output-format", Hidden = true)]
    public string? OutputFormat { get; set; }

    /// <summary>The ID key.</summary>
    [Option("id-key", MetaValue = "FILE", HelpText = "SEV-SNP: sign an ID block for this digest with this P-384 key (PEM).")]
    public string? IdKey { get; set; }

    /// <summary>The author key.</summary>
    [Option("author-key", MetaValue = "FILE", HelpText = "The key that signs the ID key (PEM).")]
    public string? AuthorKey { get; set; }

    /// <summary>The family id.</summary>
    [Option("family-id", MetaValue = "HEX", HelpText = "Family id of the ID block, 16 bytes.")]
    public string? FamilyId { get; set; }

    /// <summary>The image id.</summary>
    [Option("image-id", MetaValue = "HEX", HelpText = "Image id of the ID block, 16 bytes.")]
    public string? ImageId { get; set; }

    /// <summary>The guest's security version.</summary>
    [Option("guest-svn", MetaValue = "N", HelpText = "Security version in the ID block.")]
    public string? GuestSvn { get; set; }

    /// <summary>File for the ID block.</summary>
    [Option("id-block", MetaValue = "FILE",
        HelpText = "Write the ID block there (base64, as run and QEMU take it) instead of printing it.")]
    public string? IdBlock { get; set; }

    /// <summary>File for the ID authentication.</summary>
    [Option("id-auth", MetaValue = "FILE", HelpText = "Write the ID authentication there.")]
    public string? IdAuth { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        RefuseBoth("--firmware", Firmware, "--ovmf", Ovmf);
        RefuseBoth("--cpus", Cpus, "--vcpus", Vcpus);
        RefuseBoth("--cpu-model", CpuModel, "--cpu-signature", CpuSignature);
        RefuseBoth("--vmm", Vmm, "--vmm-type", VmmType);
        RefuseBoth("--sev-features", SevFeatures, "--guest-features", GuestFeatures);
        RefuseBoth("--format", Format, "--output-format", OutputFormat);
        Firmware ??= Ovmf;
        Cpus ??= Vcpus;
        CpuModel ??= CpuSignature;
        Vmm ??= VmmType;
        SevFeatures ??= GuestFeatures;
        Format ??= OutputFormat;
    }
}
