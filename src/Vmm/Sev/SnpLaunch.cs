using System.Security.Cryptography;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Serilog;
using MeasuredPageType = KvmSevVmm.Sev.Measurement.SnpPageType;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The launch of a SEV-SNP guest: its firmware's pages become private and are measured, then its vCPUs, and it may run.</summary>
/// <remarks>
/// The guest is initialised, its memslots have a guest_memfd each, its firmware is loaded and its vCPUs have their final registers before
/// <see cref="Run"/>. There is nothing to release: the pages go with the guest_memfd.
/// </remarks>
public sealed class SnpLaunch
{
    private readonly ISnpCommands _commands;
    private readonly SnpLaunchInput _input;
    private readonly ILogger _log;

    /// <summary>Prepares a launch.</summary>
    /// <param name="commands">The guest's commands; stays the caller's.</param>
    /// <param name="input">Policy, ID block and host data.</param>
    /// <param name="log">The monitor's log.</param>
    public SnpLaunch(ISnpCommands commands, SnpLaunchInput input, ILogger log)
    {
        _commands = commands;
        _input = input;
        _log = log;
    }

    /// <summary>Whether to hash each piece beside the pages; it costs as much again.</summary>
    public bool HashesPieces { get; init; }

    /// <summary>Launches the guest.</summary>
    /// <param name="memory">The guest's RAM, with the firmware loaded.</param>
    /// <param name="firmware">The firmware.</param>
    /// <param name="cpuid">The first vCPU's CPUID.</param>
    /// <param name="saveAreas">The vCPUs' registers as the kernel will measure them, 4096 bytes each; empty if they are not known.</param>
    /// <exception cref="SevCommandFailedException">A command was refused.</exception>
    /// <exception cref="KvmSevVmm.Sev.SevFormatException">The image cannot be launched as a SEV-SNP guest.</exception>
    /// <exception cref="InvalidInputException">A section of the image does not lie in the guest's RAM.</exception>
    public SnpLaunchResult Run(
        GuestMemory memory, GuestFirmware firmware, ReadOnlySpan<KvmCpuidEntry2> cpuid, IReadOnlyList<byte[]> saveAreas)
    {
        IReadOnlyList<SnpLaunchPiece> pieces = SnpLaunchPlan.Create(firmware, memory);
        SnpLaunchDigest digest = new();
        List<SnpLaunchedPiece> launched = [];
        Start();
        foreach (SnpLaunchPiece piece in pieces)
        {
            if (piece.Type == SnpLaunchPageType.Cpuid)
            {
                SnpCpuidPage.Write(memory.GetSpan(piece.Range.Start, GuestPage.Size), cpuid);
            }

            // Before the pages are gone, and each in its turn: the digest depends on the order.
            Measure(digest, memory, piece);
            if (HashesPieces)
            {
                launched.Add(new SnpLaunchedPiece(piece, Hash(memory, piece), digest.Digest.ToArray()));
            }

            _commands.SetPrivate(piece.Range.Start.Value, piece.Range.Length, isPrivate: true);
            Add(memory, piece);
            _log.Debug("Launched {Piece}, {Bytes} bytes at {Gpa} as {Type}", piece.Name, piece.Range.Length, piece.Range.Start, piece.Type);
        }

        foreach (byte[] saveArea in saveAreas)
        {
            digest.UpdateVmsa(saveArea, "save area");
        }

        SnpLaunchResult result = new(
            _input.Start.Policy, digest.Digest.ToArray(), saveAreas.Count > 0, pieces, _input.Finish.HostData)
        {
            Launched = launched,
        };
        TellDigest(result);
        _commands.LaunchFinish(_input.Finish);
        return result;
    }

    /// <summary>SNP_LAUNCH_START judges the policy by host, kernel and firmware; its refusal does not say which policy that was.</summary>
    private void Start()
    {
        try
        {
            _commands.LaunchStart(_input.Start);
        }
        catch (SevCommandFailedException refused) when (IsAboutThePolicy(refused))
        {
            SnpPolicy policy = _input.Start.Policy;
            throw new SevCommandFailedException(
                refused.Command,
                refused.Status,
                $"--sev policy {policy}, for SNP ABI {policy.AbiMajor}.{policy.AbiMinor} or later: {refused.Message}",
                refused.Hint,
                refused.InnerException);
        }
    }

    private static bool IsAboutThePolicy(SevCommandFailedException refused) =>
        (refused.Status is PspStatus.PolicyFailure or PspStatus.InvalidParam or PspStatus.Unsupported
            && refused.InnerException is not KvmException { Errno: Errno.ENOTTY })
        || (refused.Status is null && refused.InnerException is KvmException { Errno: Errno.EINVAL });

    private static void Measure(SnpLaunchDigest digest, GuestMemory memory, SnpLaunchPiece piece)
    {
        if (piece.Type == SnpLaunchPageType.Normal)
        {
            digest.UpdateNormal(piece.Range.Start.Value, memory.GetSpan(piece.Range.Start, checked((int)piece.Range.Length)), piece.Name);
            return;
        }

        digest.UpdateWithoutContents((MeasuredPageType)piece.Type, piece.Range.Start.Value, piece.Range.Length, piece.Name);
    }

    private static byte[] Hash(GuestMemory memory, SnpLaunchPiece piece) => piece.Type == SnpLaunchPageType.Normal
        ? SHA384.HashData(memory.GetSpan(piece.Range.Start, checked((int)piece.Range.Length)))
        : [];

    /// <summary>Adds a piece; a CPUID page that the firmware corrects is offered once more as corrected.</summary>
    private void Add(GuestMemory memory, SnpLaunchPiece piece)
    {
        GuestPiece pages = GuestPieces.Of(memory, piece.Range);
        if (piece.Type != SnpLaunchPageType.Cpuid)
        {
            _commands.LaunchUpdate(pages, piece.Type);
            return;
        }

        byte[] offered = pages.Bytes.ToArray();
        try
        {
            _commands.LaunchUpdate(pages, piece.Type);
        }
        catch (SevCommandFailedException refused) when (refused.Status == PspStatus.InvalidParam)
        {
            // The values that it would take stand in the page now. Without any, the next answer would be the same.
            byte[] wanted = pages.Bytes.ToArray();
            if (wanted.AsSpan().SequenceEqual(offered))
            {
                throw;
            }

            foreach (string difference in SnpCpuidPage.Compare(offered, wanted))
            {
                _log.Warning("The firmware corrected the CPUID page: {Difference}", difference);
            }

            _commands.LaunchUpdate(pages, piece.Type);
        }
    }

    private void TellDigest(SnpLaunchResult result)
    {
        string digest = Convert.ToHexStringLower(result.Digest.Span);
        _log.Information(
            "Launched {Bytes} bytes under policy {Policy}: SEV-SNP launch digest {Digest}{Without}",
            result.LaunchedBytes,
            result.Policy,
            digest,
            result.IsDigestWhole ? string.Empty : " (without save areas)");

        // The firmware decides; but it says no more than BAD_MEASUREMENT.
        if (result.IsDigestWhole && _input.WantedDigest is { } wanted && !wanted.Span.SequenceEqual(result.Digest.Span))
        {
            _log.Warning(
                "The ID block asks for launch digest {Wanted}, this launch has {Digest}", Convert.ToHexStringLower(wanted.Span), digest);
        }
    }
}
