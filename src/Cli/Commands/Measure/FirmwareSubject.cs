using System.Globalization;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>A guest that starts with a firmware image.</summary>
/// <param name="inputs">What the digest depends on.</param>
/// <param name="isFirmwareOnly">Whether to stop after the firmware's own pages.</param>
/// <param name="launch">What it is, as the user named it; the rest is added.</param>
internal sealed class FirmwareSubject(LaunchInputs inputs, bool isFirmwareOnly, MeasureDocument.SubjectPart launch) : ILaunchSubject
{
    /// <inheritdoc/>
    public MeasureDocument.SubjectPart Launch { get; } = inputs.Mode == LaunchMode.Sev || isFirmwareOnly
        ? launch
        : launch with
        {
            Cpus = inputs.Vmsas?.Count ?? inputs.VcpuCount,
            Vmm = inputs.Vmsas is null || inputs.Mode == LaunchMode.Snp ? VmmValue.WordFor(inputs.Profile) : null,
            CpuSignature = inputs.Vmsas is null && VmmValue.ShowsCpuSignature(inputs.Profile) ? Hex(inputs.CpuSignature) : null,
            SevFeatures = inputs.Vmsas is null ? Hex(inputs.EffectiveSevFeatures) : null,
        };

    /// <inheritdoc/>
    public long ProgressTotal => inputs.Mode == LaunchMode.Snp
        ? inputs.Firmware.Image.Length / SnpLaunchDigest.PageSize
        : inputs.Firmware.Image.Length;

    /// <inheritdoc/>
    public byte[] Compute(ICollection<MeasuredStep>? trace, IProgress<long> progress) => isFirmwareOnly
        ? LaunchDigests.ComputeSnpFirmware(inputs.Firmware, trace, progress)
        : LaunchDigests.Compute(inputs, trace, progress);

    /// <inheritdoc/>
    public LaunchVariant? FindVariant(Func<ReadOnlySpan<byte>, bool> isWanted) =>
        isFirmwareOnly ? null : LaunchVariantFinder.Find(inputs, isWanted);

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static string Hex(ulong value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);
}
