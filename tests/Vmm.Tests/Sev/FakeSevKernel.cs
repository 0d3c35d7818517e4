using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Tests.Sev;

/// <summary>Keeps the structures that the kernel would get, and answers them as a test says.</summary>
internal sealed class FakeSevKernel : ISevKernel
{
    /// <summary>Command and structure, as bytes, of every call.</summary>
    public List<(SevCommandId Id, byte[] Payload)> Calls { get; } = [];

    /// <summary>Answers a command: may change the structure, and throws what the kernel would.</summary>
    public Action<SevCommandId, byte[]> Answer { get; init; } = static (_, _) => { };

    public void Issue<T>(SevCommandId id, ref T payload)
        where T : unmanaged
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref payload, 1));
        byte[] copy = bytes.ToArray();
        Calls.Add((id, copy.ToArray()));
        try
        {
            Answer(id, copy);
        }
        finally
        {
            copy.CopyTo(bytes);
        }
    }

    public void Issue(SevCommandId id)
    {
        Calls.Add((id, []));
        Answer(id, []);
    }

    public void RegisterRegion(nuint hostAddress, ulong length) =>
        throw KvmException.FromErrno("KVM_MEMORY_ENCRYPT_REG_REGION", (int)Errno.ENOMEM);

    public void UnregisterRegion(nuint hostAddress, ulong length) =>
        throw KvmException.FromErrno("KVM_MEMORY_ENCRYPT_UNREG_REGION", (int)Errno.EINVAL);

    /// <summary>Every KVM_SET_MEMORY_ATTRIBUTES.</summary>
    public List<(ulong Gpa, ulong Length, ulong Attributes)> Attributes { get; } = [];

    public void SetMemoryAttributes(ulong gpa, ulong length, ulong attributes) => Attributes.Add((gpa, length, attributes));

    /// <summary>Reads memory that a structure points to.</summary>
    public static byte[] Read(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        Marshal.Copy((nint)address, bytes, 0, length);
        return bytes;
    }
}
