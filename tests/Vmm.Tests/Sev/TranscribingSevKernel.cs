using System.Globalization;
using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Tests.Sev;

/// <summary>
/// Writes each call down as the golden transcripts have it, and answers as the kernel does: a launch that reaches it is the one that a host
/// would see, ioctl by ioctl.
/// </summary>
internal sealed class TranscribingSevKernel : ISevKernel
{
    private const int MeasurementBytes = 48;
    private readonly GuestMemory _memory;

    /// <summary>Makes the kernel's side of one VM.</summary>
    /// <param name="memory">The guest's RAM, to name its addresses.</param>
    internal TranscribingSevKernel(GuestMemory memory)
    {
        _memory = memory;
    }

    /// <summary>What was called, one line each.</summary>
    public List<string> Transcript { get; } = [];

    public void Issue(SevCommandId id) => Transcript.Add(NameOf(id));

    public void Issue<T>(SevCommandId id, ref T payload)
        where T : unmanaged
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref payload, 1));
        switch (id)
        {
            case SevCommandId.Init2:
                KvmSevInit init = MemoryMarshal.Read<KvmSevInit>(bytes);
                Write($"{NameOf(id)} vmsa_features=0x{init.VmsaFeatures:x} flags={init.Flags} ghcb_version={init.GhcbVersion}");
                break;
            case SevCommandId.LaunchStart:
                KvmSevLaunchStart start = MemoryMarshal.Read<KvmSevLaunchStart>(bytes);
                Write($"{NameOf(id)} handle={start.Handle} policy=0x{start.Policy:x} dh_len={start.DhLen} session_len={start.SessionLen}");
                break;
            case SevCommandId.LaunchUpdateData:
                KvmSevLaunchUpdateData update = MemoryMarshal.Read<KvmSevLaunchUpdateData>(bytes);
                Write($"{NameOf(id)} gpa=0x{GpaOf(update.Uaddr):x} len={update.Len}");
                break;
            case SevCommandId.LaunchMeasure:
                Measure(bytes);
                break;
            default:
                throw new InvalidOperationException($"{id} has no structure in a launch.");
        }
    }

    public void RegisterRegion(nuint hostAddress, ulong length) =>
        Write($"KVM_MEMORY_ENCRYPT_REG_REGION gpa=0x{GpaOf(hostAddress):x} size=0x{length:x}");

    public void UnregisterRegion(nuint hostAddress, ulong length) =>
        Write($"KVM_MEMORY_ENCRYPT_UNREG_REGION gpa=0x{GpaOf(hostAddress):x} size=0x{length:x}");

    public void SetMemoryAttributes(ulong gpa, ulong length, ulong attributes) =>
        Write($"KVM_SET_MEMORY_ATTRIBUTES address=0x{gpa:x} size=0x{length:x} attributes=0x{attributes:x}");

    private static string NameOf(SevCommandId id) => id switch
    {
        SevCommandId.Init => "SEV_INIT",
        SevCommandId.EsInit => "SEV_ES_INIT",
        SevCommandId.Init2 => "SEV_INIT2",
        SevCommandId.LaunchStart => "SEV_LAUNCH_START",
        SevCommandId.LaunchUpdateData => "SEV_LAUNCH_UPDATE_DATA",
        SevCommandId.LaunchUpdateVmsa => "SEV_LAUNCH_UPDATE_VMSA",
        SevCommandId.LaunchMeasure => "SEV_LAUNCH_MEASURE",
        SevCommandId.LaunchFinish => "SEV_LAUNCH_FINISH",
        _ => throw new InvalidOperationException($"{id} is no part of a launch."),
    };

    /// <summary>The firmware refuses a buffer that is too small, and says how long the answer is.</summary>
    private void Measure(Span<byte> payload)
    {
        ref KvmSevLaunchMeasure measure = ref MemoryMarshal.AsRef<KvmSevLaunchMeasure>(payload);
        bool isQuery = measure.Len < MeasurementBytes;
        Write($"SEV_LAUNCH_MEASURE len={measure.Len}{(isQuery ? " EIO INVALID_LEN" : string.Empty)}");
        measure.Len = MeasurementBytes;
        if (isQuery)
        {
            throw SevCommandException.FromErrno(SevCommandId.LaunchMeasure, (int)Errno.EIO, (uint)SevFirmwareStatus.InvalidLen);
        }
    }

    private ulong GpaOf(ulong hostAddress)
    {
        GpaRange range = _memory.Ranges.Single(candidate => hostAddress - _memory.GetHostAddress(candidate) < candidate.Length);
        return range.Start.Value + (hostAddress - _memory.GetHostAddress(range));
    }

    private void Write(FormattableString line) => Transcript.Add(line.ToString(CultureInfo.InvariantCulture));
}
