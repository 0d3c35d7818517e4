using System.Globalization;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>A kernel that <c>run</c> boots directly: everything that its loader puts into RAM is measured.</summary>
internal sealed class DirectSubject : ILaunchSubject
{
    private readonly DirectLaunchDigest _launch;

    /// <summary>Opens the files.</summary>
    /// <param name="inputs">What the digest depends on.</param>
    internal DirectSubject(DirectLaunchInputs inputs)
    {
        using (FileStream kernel = FileKind.OpenInput("--kernel", inputs.Machine.Boot.KernelPath!))
        {
            ProgressTotal = kernel.Length;
        }

        if (inputs.Machine.Boot.InitramfsPath is string initramfs)
        {
            using FileStream initrd = FileKind.OpenInput("--initramfs", initramfs);
            ProgressTotal += initrd.Length;
        }

        _launch = DirectLaunchDigest.Open(inputs);
        bool isEs = inputs.Kind == SevGuestKind.SevEs;
        Launch = new MeasureDocument.SubjectPart(
            "direct",
            inputs.Machine.Boot.KernelPath,
            inputs.Machine.Boot.InitramfsPath,
            inputs.Machine.Boot.CommandLine,
            MemoryBytes: inputs.Machine.MemoryBytes,
            Cpus: inputs.Machine.VcpuCount,
            CBit: inputs.CBitPosition,
            LegacyVmType: isEs ? inputs.InitInterface == SevInitInterface.Legacy : null,
            CpuSignature: isEs ? "0x" + inputs.CpuSignature.ToString("x", CultureInfo.InvariantCulture) : null);
    }

    /// <inheritdoc/>
    public MeasureDocument.SubjectPart Launch { get; }

    /// <inheritdoc/>
    public long ProgressTotal { get; }

    /// <inheritdoc/>
    public byte[] Compute(ICollection<MeasuredStep>? trace, IProgress<long> progress) => _launch.Compute(trace, progress);

    /// <inheritdoc/>
    public LaunchVariant? FindVariant(Func<ReadOnlySpan<byte>, bool> isWanted) => DirectLaunchVariantFinder.Find(_launch, isWanted);

    /// <inheritdoc/>
    public void Dispose() => _launch.Dispose();
}
