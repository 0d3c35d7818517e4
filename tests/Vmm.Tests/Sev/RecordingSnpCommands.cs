using System.Globalization;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Vmm.Tests.Sev;

/// <summary>Writes down every command as a line, hands it on where there is somebody, and fails where a test wants it.</summary>
internal sealed class RecordingSnpCommands(ISnpCommands? inner = null) : ISnpCommands
{
    /// <summary>The commands, one line each; host addresses are left out, they differ from run to run.</summary>
    public List<string> Transcript { get; } = [];

    /// <summary>Called for every page of CPUID values, before anything else; throws to refuse it.</summary>
    public Action<int, byte[]>? OnCpuid { get; init; }

    /// <summary>The pages of CPUID values that were offered.</summary>
    public List<byte[]> CpuidPages { get; } = [];

    /// <summary>Pages that were launched with their contents, whole, by the address of the first byte.</summary>
    public Dictionary<ulong, byte[]> NormalPieces { get; } = [];

    /// <summary>What LAUNCH_START is refused with, or null.</summary>
    public SevCommandFailedException? StartRefusal { get; init; }

    public void Initialize()
    {
        Transcript.Add("INIT2");
        inner?.Initialize();
    }

    public void LaunchStart(in SnpLaunchStartRequest request)
    {
        Transcript.Add($"LAUNCH_START {request.Policy}");
        if (StartRefusal is not null)
        {
            throw StartRefusal;
        }

        inner?.LaunchStart(request);
    }

    public void SetPrivate(ulong gpa, ulong length, bool isPrivate)
    {
        Transcript.Add(string.Create(CultureInfo.InvariantCulture, $"SET_PRIVATE 0x{gpa:x} +0x{length:x} {isPrivate}"));
        inner?.SetPrivate(gpa, length, isPrivate);
    }

    public void LaunchUpdate(in GuestPiece source, SnpLaunchPageType type)
    {
        Transcript.Add(string.Create(CultureInfo.InvariantCulture, $"LAUNCH_UPDATE 0x{source.Gpa:x} +0x{source.Length:x} {type}"));
        if (type == SnpLaunchPageType.Normal)
        {
            NormalPieces.Add(source.Gpa, source.Bytes.ToArray());
        }

        if (type == SnpLaunchPageType.Cpuid)
        {
            byte[] page = source.Bytes.ToArray();
            CpuidPages.Add([.. page]);
            try
            {
                OnCpuid?.Invoke(CpuidPages.Count, page);
            }
            finally
            {
                page.CopyTo(source.Bytes);
            }
        }

        inner?.LaunchUpdate(source, type);
    }

    public void LaunchFinish(in SnpLaunchFinishRequest request)
    {
        Transcript.Add(
            $"LAUNCH_FINISH block {request.IdBlock.Length} auth {request.IdAuthentication.Length} author {request.HasAuthorKey} "
            + $"vcek-disabled {request.IsVcekDisabled} host-data {request.HostData.Length}");
        inner?.LaunchFinish(request);
    }
}
