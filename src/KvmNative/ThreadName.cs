using System.Runtime.InteropServices;
using System.Text;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>The name that tools such as ps, top and perf show for a thread.</summary>
public static unsafe class ThreadName
{
    /// <summary>The longest name in bytes of UTF-8; the kernel's TASK_COMM_LEN less the final NUL.</summary>
    public const int MaxLength = 15;

    private const int SetNameOption = 15;
    private const int GetNameOption = 16;

    /// <summary>Names the calling thread.</summary>
    /// <param name="name">The name; what exceeds <see cref="MaxLength"/> bytes is cut off between characters.</param>
    /// <exception cref="KvmException">prctl(2) failed.</exception>
    public static void SetCurrent(string name)
    {
        Span<byte> buffer = stackalloc byte[MaxLength + 1];
        buffer.Clear();
        Encoding.UTF8.GetEncoder().Convert(name, buffer[..MaxLength], flush: true, out _, out int length, out _);
        buffer[length..].Clear();

        // SAFETY: the kernel reads at most 16 bytes, up to the NUL that the line above leaves.
        fixed (byte* bytes = buffer)
        {
            ThrowIfFailed(LibC.ProcessControl(SetNameOption, bytes, 0, 0, 0));
        }
    }

    /// <summary>The calling thread's name.</summary>
    /// <exception cref="KvmException">prctl(2) failed.</exception>
    public static string GetCurrent()
    {
        Span<byte> buffer = stackalloc byte[MaxLength + 1];
        buffer.Clear();

        // SAFETY: the kernel writes at most 16 bytes, NUL included.
        fixed (byte* bytes = buffer)
        {
            ThrowIfFailed(LibC.ProcessControl(GetNameOption, bytes, 0, 0, 0));
        }

        return Encoding.UTF8.GetString(buffer[..buffer.IndexOf((byte)0)]);
    }

    private static void ThrowIfFailed(int result)
    {
        if (result != 0)
        {
            throw KvmException.FromErrno("prctl", Marshal.GetLastPInvokeError());
        }
    }
}
