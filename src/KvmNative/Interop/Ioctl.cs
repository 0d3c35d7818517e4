using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>ioctl(2) for everything but KVM_RUN: retries EINTR, makes other failures exceptions that name the call.</summary>
internal static unsafe class Ioctl
{
    /// <summary>Calls with an integer, or with 0 where the request takes none.</summary>
    /// <param name="fd">The device, VM or vCPU.</param>
    /// <param name="request">A member of IoctlNumbers, or another number with its <paramref name="call"/>.</param>
    /// <param name="argument">The argument itself.</param>
    /// <param name="call">The expression that names the request; its last part is the C name in another spelling.</param>
    /// <returns>What the kernel returned; not negative.</returns>
    /// <exception cref="KvmException">The kernel refused.</exception>
    internal static int Call(FdHandle fd, uint request, nuint argument = 0, [CallerArgumentExpression(nameof(request))] string call = "")
    {
        int result = TryCall(fd, request, argument, out int errno);
        return result >= 0 ? result : throw KvmException.FromErrno(NameOf(call), errno);
    }

    /// <summary>Calls with an integer or an address, and leaves it to the caller what a failure means.</summary>
    /// <param name="fd">The device, VM or vCPU.</param>
    /// <param name="request">A member of IoctlNumbers.</param>
    /// <param name="argument">The argument itself.</param>
    /// <param name="errno">The error number, or 0.</param>
    /// <returns>What the kernel returned; -1 on failure.</returns>
    internal static int TryCall(FdHandle fd, uint request, nuint argument, out int errno)
    {
        while (true)
        {
            int result = LibC.Ioctl(fd, request, argument);
            errno = result >= 0 ? 0 : Marshal.GetLastPInvokeError();
            if (errno != (int)Errno.EINTR)
            {
                return result;
            }
        }
    }

    /// <summary>Calls with a structure that the kernel reads, writes or both.</summary>
    /// <typeparam name="T">The structure that the request is declared with.</typeparam>
    /// <param name="fd">The device, VM or vCPU.</param>
    /// <param name="request">A member of IoctlNumbers, or another number with its <paramref name="call"/>.</param>
    /// <param name="argument">The structure.</param>
    /// <param name="call">The expression that names the request; its last part is the C name in another spelling.</param>
    /// <returns>What the kernel returned; not negative.</returns>
    /// <exception cref="KvmException">The kernel refused.</exception>
    internal static int Exchange<T>(
        FdHandle fd, uint request, ref T argument, [CallerArgumentExpression(nameof(request))] string call = "")
        where T : unmanaged
    {
        // SAFETY: the kernel reads and writes sizeof(T) bytes (T is the structure the request is declared with, and the layout
        // tests compare its size with the kernel's), and the structure stays pinned meanwhile.
        fixed (T* pointer = &argument)
        {
            return Call(fd, request, (nuint)pointer, call);
        }
    }

    /// <summary>Calls with a structure, and leaves it to the caller what a failure means.</summary>
    /// <typeparam name="T">The structure that the request is declared with.</typeparam>
    /// <param name="fd">The device, VM or vCPU.</param>
    /// <param name="request">A member of IoctlNumbers.</param>
    /// <param name="argument">The structure.</param>
    /// <returns>The error number, or 0.</returns>
    internal static int TryExchange<T>(FdHandle fd, uint request, ref T argument)
        where T : unmanaged
    {
        // SAFETY: as in Exchange.
        fixed (T* pointer = &argument)
        {
            _ = TryCall(fd, request, (nuint)pointer, out int errno);
            return errno;
        }
    }

    /// <summary>Gives the kernel a structure.</summary>
    /// <typeparam name="T">The structure that the request is declared with.</typeparam>
    /// <param name="fd">The device, VM or vCPU.</param>
    /// <param name="request">A member of IoctlNumbers, or another number with its <paramref name="call"/>.</param>
    /// <param name="argument">The structure.</param>
    /// <param name="call">The expression that names the request; its last part is the C name in another spelling.</param>
    /// <exception cref="KvmException">The kernel refused.</exception>
    internal static void Set<T>(
        FdHandle fd, uint request, in T argument, [CallerArgumentExpression(nameof(request))] string call = "")
        where T : unmanaged
    {
        T copy = argument;
        _ = Exchange(fd, request, ref copy, call);
    }

    /// <summary>Gets a structure from the kernel.</summary>
    /// <typeparam name="T">The structure that the request is declared with.</typeparam>
    /// <param name="fd">The device, VM or vCPU.</param>
    /// <param name="request">A member of IoctlNumbers, or another number with its <paramref name="call"/>.</param>
    /// <param name="call">The expression that names the request; its last part is the C name in another spelling.</param>
    /// <exception cref="KvmException">The kernel refused.</exception>
    internal static T Get<T>(FdHandle fd, uint request, [CallerArgumentExpression(nameof(request))] string call = "")
        where T : unmanaged
    {
        T value = default;
        _ = Exchange(fd, request, ref value, call);
        return value;
    }

    /// <summary>Switches a capability on.</summary>
    /// <param name="fd">The VM or vCPU.</param>
    /// <param name="argument">The capability and its arguments.</param>
    /// <exception cref="KvmException">The kernel refused; names the capability.</exception>
    internal static void EnableCap(FdHandle fd, ref KvmEnableCap argument)
    {
        int errno = TryExchange(fd, IoctlNumbers.EnableCap, ref argument);
        if (errno != 0)
        {
            throw KvmException.FromErrno($"KVM_ENABLE_CAP({NameOf(((KvmCap)argument.Cap).ToString(), "KVM_CAP")})", errno);
        }
    }

    /// <summary>The C name of a request or capability: <c>IoctlNumbers.CreateVm</c> is KVM_CREATE_VM.</summary>
    /// <param name="expression">The name in .NET's spelling; only what follows the last dot counts.</param>
    /// <param name="prefix">What the C name begins with.</param>
    internal static string NameOf(string expression, string prefix = "KVM")
    {
        StringBuilder name = new(prefix);
        foreach (char letter in expression.AsSpan(expression.LastIndexOf('.') + 1))
        {
            _ = char.IsUpper(letter) ? name.Append('_').Append(letter) : name.Append(char.ToUpperInvariant(letter));
        }

        return name.ToString();
    }
}
